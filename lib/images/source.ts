import type { Readable } from 'node:stream';

/** It is not to be had, and trying again does not change that. The message stands in the cell's result. */
export class Unobtainable extends Error {
  override name = 'Unobtainable';
}

/** The server did not give it: gone for good if its hour is over, else worth another try. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

/** The bytes of one output, on their way. */
export interface Source {
  /** The first bytes, enough to tell the format; `body` gives them again. */
  head: Buffer;
  body: Readable;
  /** Known before the body is read: S3 wants it. */
  bytes: number;
}

export const tooLarge = (maxBytes: number) => new Unobtainable(`too large: more than ${maxBytes} bytes`);
