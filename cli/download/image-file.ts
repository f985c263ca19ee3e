import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { hashFile } from './sums.ts';

/**
 * What a downloaded file must match: an image its SHA-256, in hex, and its size; a rendition a limit, and, if an earlier
 * download listed it, the SHA-256 that it had then.
 */
export type Expected = { sha256: string; bytes: number } | { most: number; before: string | undefined };

/** The address has expired; the caller has to get a new one. */
export class AddressExpired extends Error {
  override name = 'AddressExpired';
}

const TRIES = 4;
const TIMEOUT_MS = 120_000;

/** Whether a file exists with the expected bytes. */
export async function isComplete(path: string, expected: Expected): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if ('most' in expected)
    return (
      found !== undefined && (expected.before === undefined || (await hashFile(path)) === expected.before)
    );
  return found?.size === expected.bytes && (await hashFile(path)) === expected.sha256;
}

/**
 * Fetches a file unless it exists already. The file gets its name only after it was checked, so that a named file is
 * always complete.
 * @returns whether it was fetched
 * @throws {AddressExpired} for a 403, which S3 answers to an expired address, and a 400, where the credentials behind it have expired
 * @throws {Error} if it cannot be fetched, or its bytes are not the expected ones
 */
export async function fetchFile(url: string, path: string, expected: Expected): Promise<boolean> {
  if (await isComplete(path, expected)) return false;
  await mkdir(dirname(path), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      await fetchOnce(url, path, expected);
      return true;
    } catch (error) {
      if (error instanceof AddressExpired || attempt === TRIES) throw error;
    }
  }
}

async function fetchOnce(url: string, path: string, expected: Expected): Promise<void> {
  const most = 'most' in expected ? expected.most : expected.bytes;
  const part = `${path}.part`;
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (response.status === 403 || response.status === 400) throw new AddressExpired('the address has expired');
  if (!response.ok || !response.body) throw new Error(`S3 answered ${response.status}`);
  const hash = createHash('sha256');
  let received = 0;
  try {
    await pipeline(
      Readable.fromWeb(response.body as ReadableStream),
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          received += piece.length;
          if (received > most) throw new Error('the download is larger than the image');
          hash.update(piece);
          yield piece;
        }
      },
      createWriteStream(part),
    );
    if ('sha256' in expected && hash.digest('hex') !== expected.sha256)
      throw new Error('the SHA-256 does not match the record');
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await rename(part, path);
}
