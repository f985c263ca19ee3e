import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { findModel, type OutputFile, type Run } from './models.ts';
import { renderPicture } from './picture.ts';
import type { Prediction } from './prediction.ts';

/** What this prediction comes to; the same each time it is asked. */
export const runOf = (prediction: Pick<Prediction, 'model' | 'input' | 'drawn'>): Run => {
  const model = findModel(prediction.model);
  if (model === undefined)
    return { end: 'failed', logs: '', error: `The model ${prediction.model} is not there any more (E9999)` };
  return model.run(prediction.input, prediction.drawn);
};

/** Path of an output under the stand-in's address. */
export const outputPath = (predictionId: string, file: OutputFile): string =>
  `/outputs/${predictionId}/${file.name}`;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const CACHE_BYTES = 32 * 1024 * 1024;
const cache = new Map<string, Buffer>();
let cached = 0;

/** The picture's bytes; those asked for last are kept, up to 32 MiB. */
export const pictureBytes = async (file: OutputFile): Promise<Buffer> => {
  const key = JSON.stringify(file.picture);
  const known = cache.get(key);
  if (known !== undefined) {
    cache.delete(key);
    cache.set(key, known);
    return known;
  }
  const bytes = await renderPicture(file.picture);
  if (!cache.has(key)) {
    cache.set(key, bytes);
    cached += bytes.length;
  }
  for (const [oldest, value] of cache) {
    if (cached <= CACHE_BYTES) break;
    cache.delete(oldest);
    cached -= value.length;
  }
  return bytes;
};

/** PNG ends in a chunk without data: length, `IEND`, checksum. */
const IEND_BYTES = 12;
/** Length, type and checksum around a chunk's data. */
const CHUNK_BYTES = 12;
/** Ancillary, private, safe to copy: viewers skip it. */
const FILLER_TYPE = Buffer.from('siMu');

// Bytes that do not compress, so that a file's size on disk and on the wire is what it says.
const filler = Buffer.alloc(64 * 1024);
for (let i = 0, block = createHash('sha256').update('filler').digest(); i < filler.length; i += 32) {
  block.copy(filler, i);
  block = createHash('sha256').update(block).digest();
}

/** Size of the file, and its bytes piece by piece: a padded one is never whole in memory. */
export const fileBytes = async (
  file: OutputFile,
): Promise<{ size: number; bytes(): AsyncIterable<Buffer> }> => {
  const picture = await pictureBytes(file);
  const fill = file.padTo - picture.length - CHUNK_BYTES;
  if (fill <= 0)
    return {
      size: picture.length,
      async *bytes() {
        yield picture;
      },
    };
  return {
    size: file.padTo,
    async *bytes() {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(fill);
      yield Buffer.concat([picture.subarray(0, -IEND_BYTES), length, FILLER_TYPE]);
      let checksum = crc32(FILLER_TYPE);
      for (let left = fill; left > 0; left -= filler.length) {
        const piece = left < filler.length ? filler.subarray(0, left) : filler;
        checksum = crc32(piece, checksum);
        yield piece;
      }
      const tail = Buffer.alloc(4);
      tail.writeUInt32BE(checksum);
      yield Buffer.concat([tail, picture.subarray(-IEND_BYTES)]);
    },
  };
};
