import type { ShownFormat } from '../looked.ts';
import { avif } from './avif.ts';
import { gif } from './gif.ts';
import { jpeg } from './jpeg.ts';
import { png } from './png.ts';
import { svg } from './svg.ts';
import { webp } from './webp.ts';

export interface Size {
  width: number;
  height: number;
}

/** What a file's own structure tells, without its pixels. */
export interface Structure {
  /** Whether the file reaches to the end that it announces. What follows that end does not count. */
  whole: boolean;
  animated: boolean;
  c2pa: boolean;
  /** Whether browsers refuse this kind of the format, valid as it may be. */
  unusual?: boolean;
  /** Where the codecs measure otherwise than browsers do, or allocate before they measure. */
  size?: Size | undefined;
}

/** Each reads whatever bytes it is given without throwing, in time that grows with their number only. */
export const structureOf: Record<ShownFormat, (bytes: Buffer) => Structure> = {
  png,
  jpeg,
  webp,
  gif,
  avif,
  svg,
};
