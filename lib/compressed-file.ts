import { pipeline, type Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import type { TemporaryFile, WithTemporaryFile } from './ports.ts';

/**
 * The same file for text that repeats itself: on the disk it is compressed, and `bytes` and `content` are of the text.
 * @param file an empty one
 */
function compressedFile(file: TemporaryFile): TemporaryFile {
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async append(data) {
      // Members of gzip behind one another are one file (RFC 1952).
      await file.append(gzipSync(data, { level: 1 }));
      bytes += Buffer.byteLength(data);
    },
    // An error of either becomes one of what is read.
    content: (): Readable => pipeline(file.content(), createGunzip(), () => {}),
  };
}

/** Hands out such files. It is a port, because compressing takes time that the simulator's clock does not know. */
export const compressed =
  (withFile: WithTemporaryFile): WithTemporaryFile =>
  (use) =>
    withFile((file) => use(compressedFile(file)));
