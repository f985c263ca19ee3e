import * as v from 'valibot';
import { type FormatName, NAMES, REASONS } from '../verdict.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32));

/** What the sandbox says about an image. It is checked like anything that comes from outside. */
export const Facts = v.strictObject({
  format: v.picklist(Object.keys(NAMES) as FormatName[]),
  /** Absent when the image is valid. */
  reason: v.optional(v.picklist(REASONS)),
  /** In pixels, as a browser shows the image; 0 where that is not known. */
  width: Count,
  height: Count,
  /** Whether it moves in a browser. */
  animated: v.boolean(),
  /** Whether any part of it lets the page shine through; a channel that is opaque everywhere does not count. */
  alpha: v.boolean(),
  /** Whether it carries a C2PA manifest. Nothing is said about its validity. */
  c2pa: v.boolean(),
  /** Whether it is one even area, dark or bright or transparent. */
  blank: v.boolean(),
  /** Processor time that the image took in the sandbox, in milliseconds. */
  processorMs: Count,
  /** The most memory that the sandbox has ever had, in MB. */
  peakMemoryMb: Count,
});
export type Facts = v.InferOutput<typeof Facts>;

/** What an image is found to be. */
export interface Looked extends Facts {
  verdict: 'ok' | 'quarantined';
  /** A WebP of at most 512 pixels at its longest side, for an image that is `ok`. */
  rendition?: Buffer;
}
