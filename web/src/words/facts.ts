import type { Prediction, PredictionImage } from '../api/types.ts';
import { given, moment, tenths, whole } from './locale.ts';

/** Facts about an image and its prediction, in words. */
export const words = {
  prompt: 'Prompt',
  model: 'Model',
  version: 'Version',
  source: 'Source',
  importedBy: (name: string) => `Imported by ${given(name)}`,
  inputs: 'Inputs',
  input: (name: string) => `Input ${name}`,
  secret: (name: string) => `secret "${name}"`,
  sample: 'Sample',
  sampleOf: (sample: number, samples: number) => `${whole(sample)} of ${whole(samples)}`,
  seed: 'Seed',
  unknownSeed: "unknown: the model's log names one that cannot be read",
  seedFrom: (seed: string, source: Prediction['seedSource']) => `${seed}, ${SOURCES[source]}`,
  noSeed: 'none',
  outcome: 'Outcome',
  images: 'Images',
  imagesOf: (requested: number, returned: number, filtered: number) =>
    `${whole(requested)} requested, ${whole(returned)} returned, ${whole(filtered)} filtered`,
  moment,
  requested: 'Requested',
  completed: 'Completed',
  completedAfter: (at: string, seconds: number) => `${moment(at)}, after ${tenths(seconds)} s of processing`,
  predictionId: 'Prediction ID',
  size: 'Size',
  pixels: (width: number, height: number) => `${width} × ${height} pixels`,
  bytes: (bytes: number) =>
    bytes < 1_000_000
      ? `${whole(Math.max(1, Math.round(bytes / 1000)))} kB`
      : `${tenths(bytes / 1_000_000)} MB`,
  decoded: 'Decoded',
  sha256: 'SHA-256',
  fingerprint:
    'The fingerprint of the file that the model returned, taken when it was stored. A copy with another one was changed.',
  fingerprintOfImport: 'The fingerprint of the file that was uploaded. A copy with another one was changed.',
  tags: 'Tags',
};

const SOURCES: Record<Prediction['seedSource'], string> = {
  sent: 'sent to the model',
  log: 'chosen by the model, read from its log',
  unsupported: 'the model does not accept a seed',
  unknown: 'sent; the model may have ignored it',
};

/** What was seen when an image was decoded. */
export const SEEN: [keyof PredictionImage, string][] = [
  ['blank', 'blank: one even area'],
  ['animated', 'animated'],
  ['alpha', 'partly transparent'],
  ['c2pa', 'carries a C2PA manifest (its validity is not checked)'],
];
