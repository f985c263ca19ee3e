import { type FormatName, NAMES } from '../../../lib/images/verdict.ts';
import { sizeClass } from '../../../lib/limits.ts';
import type { Plan, Prediction, PredictionImage } from '../api/types.ts';
import { placeOf } from './axes.ts';

/** One line about an image. */
export interface Fact {
  name: string;
  value: string;
  /** Long and without spaces, such as a checksum. */
  code?: true;
}

const SOURCES: Record<Prediction['seedSource'], string> = {
  sent: 'sent to the model',
  log: 'chosen by the model, read from its log',
  unsupported: 'the model does not accept a seed',
  unknown: 'sent; the model may have ignored it',
};

/** The seed is unknown and absent when the log names one in a way that cannot be read. */
const seedText = ({ seed, seedSource }: Prediction): string =>
  seed === null && seedSource === 'unknown'
    ? "unknown: the model's log names one that cannot be read"
    : `${seed ?? 'none'}, ${SOURCES[seedSource]}`;

const kilobytes = (bytes: number) =>
  bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;

const NAMED: [keyof PredictionImage, string][] = [
  ['blank', 'blank: one even area'],
  ['animated', 'animated'],
  ['alpha', 'partly transparent'],
  ['c2pa', 'carries a C2PA manifest (its validity is not checked)'],
];

/** What was seen when the image was decoded. Images that were judged before there was a decoder have none of it. */
function seenText(image: PredictionImage): string | undefined {
  if (image.animated === undefined) return undefined;
  const name = image.format && NAMES[image.format as FormatName];
  return [name, ...NAMED.map(([fact, words]) => image[fact] && words), image.reason]
    .filter((part) => typeof part === 'string')
    .join(', ');
}

/** Everything that is known about an image and its prediction, for people to read. */
export function factsOf(plan: Plan, prediction: Prediction, index: number): Fact[] {
  const image = prediction.images.find((candidate) => candidate.index === index);
  const { model: m } = placeOf(plan, prediction.n);
  const input = { ...plan.input, ...plan.models[m]?.input };
  const facts: (Fact | undefined | false)[] = [
    { name: 'Prompt', value: prediction.prompt },
    ...Object.entries(prediction.factors ?? {}).map(([name, value]) => ({ name, value })),
    { name: 'Model', value: prediction.model },
    { name: 'Version', value: prediction.version, code: true },
    Object.keys(input).length > 0 && { name: 'Inputs', value: JSON.stringify(input), code: true },
    { name: 'Sample', value: `${prediction.sample + 1} of ${plan.samples}` },
    { name: 'Seed', value: seedText(prediction) },
    {
      name: 'Outcome',
      value: prediction.error ? `${prediction.status}: ${prediction.error}` : prediction.status,
    },
    prediction.asked !== undefined &&
      (prediction.asked > 1 || (prediction.filtered ?? 0) > 0) && {
        name: 'Images',
        value: `${prediction.asked} requested, ${prediction.returned ?? 0} returned, ${prediction.filtered ?? 0} filtered`,
      },
    prediction.askedAt !== undefined && { name: 'Requested', value: prediction.askedAt },
    prediction.completedAt !== undefined && {
      name: 'Completed',
      value: `${prediction.completedAt}${prediction.predictTime === undefined ? '' : `, after ${prediction.predictTime.toFixed(1)} s of processing`}`,
    },
    prediction.predictionId !== undefined && {
      name: 'Prediction ID',
      value: prediction.predictionId,
      code: true,
    },
  ];
  if (image) {
    const { width = 0, height = 0, bytes, contentType, sha256 } = image;
    const format = image.format ?? contentType?.replace('image/', '');
    const seen = seenText(image);
    const tags = [
      `status=${image.status}`,
      format && image.status === 'ok' && `format=${format}`,
      width > 0 && `size=${sizeClass({ width, height })}`,
      `retention=${plan.retention}`,
    ].filter((tag) => typeof tag === 'string' && tag !== '');
    facts.push(
      width > 0 && {
        name: 'Size',
        value: `${width} × ${height} pixels${bytes ? `, ${kilobytes(bytes)}` : ''}${format ? `, ${format}` : ''}`,
      },
      seen !== undefined && { name: 'Decoded', value: seen },
      sha256 !== undefined && { name: 'SHA-256', value: sha256, code: true },
      image.status !== 'lost' && { name: 'Tags', value: tags.join('  '), code: true },
    );
  }
  return facts.filter((fact): fact is Fact => typeof fact === 'object');
}
