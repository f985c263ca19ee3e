import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { AddressPage } from '../../lib/contract/answers.ts';
import { cellName } from '../../lib/records/keys.ts';
import type { ApiClient } from '../api-client.ts';
import type { Row } from '../progress.ts';
import type { FoundPicture } from './pictures.ts';

type Address = AddressPage['addresses'][number];

/** A picture that could not be uploaded. */
export interface FailedUpload {
  file: string;
  error: string;
  /** Whether the same command may succeed later. */
  mayPass: boolean;
}

const PARALLEL = 6;
const TRIES = 5;
const FIRST_PAUSE_MS = 300;
/** A connection on which nothing moves for so long is given up. */
const SILENCE_MS = 60_000;
/** Not every proxy answers `Expect: 100-continue`. */
const CONTINUE_MS = 2_000;

/** What no other attempt changes. */
class Refused extends Error {
  override name = 'Refused';
}

/**
 * Uploads the pictures of an import that are not there yet, in the order of cells. S3 takes each once, so that this can
 * be repeated after any interruption, and run twice at once.
 * @param pictures by cell
 */
export async function uploadMissing(
  client: ApiClient,
  audit: string,
  folder: string,
  pictures: readonly FoundPicture[],
  row: Row,
): Promise<{ uploaded: number; failed: FailedUpload[] }> {
  const limit = pLimit(PARALLEL);
  const agent = { 'http:': new http.Agent(KEPT), 'https:': new https.Agent(KEPT) };
  const failed: FailedUpload[] = [];
  let [uploaded, done, from] = [0, 0, 0];
  const renew = async (n: number) => (await client.addresses(audit, cellName(n), 1)).addresses[0];
  const upload = async (address: Address) => {
    const picture = pictures[address.n]!;
    const place = { path: join(folder, picture.file), bytes: picture.bytes, agent };
    try {
      if (await uploadOne(address, place, () => renew(address.n))) uploaded++;
      row.update(++done, failed.length > 0 ? `(${failed.length} failed)` : '');
    } catch (error) {
      const { message } = error as Error;
      failed.push({ file: picture.file, error: message, mayPass: !(error instanceof Refused) });
    }
  };
  try {
    for (let cursor: string | undefined = cellName(0); cursor; ) {
      const page: AddressPage = await client.addresses(audit, cursor);
      const next = page.cursor ? Number(page.cursor) : pictures.length;
      // The others are there.
      done += next - from - page.addresses.length;
      from = next;
      row.update(done);
      await Promise.all(page.addresses.map((address) => limit(upload, address)));
      cursor = page.cursor;
    }
  } finally {
    for (const one of Object.values(agent)) one.destroy();
  }
  return { uploaded, failed };
}

const KEPT = { keepAlive: true, maxSockets: PARALLEL };

interface Place {
  path: string;
  bytes: number;
  agent: Record<string, http.Agent>;
}

/**
 * @param renew gives another address, or none if the picture is not wanted any more
 * @returns whether this upload brought the picture
 */
async function uploadOne(
  first: Address,
  place: Place,
  renew: () => Promise<Address | undefined>,
): Promise<boolean> {
  let address: Address | undefined = first;
  for (let attempt = 1; address; attempt++) {
    const { size } = await stat(place.path);
    if (size !== place.bytes) throw changed();
    let answer: Answer;
    try {
      answer = await put(address, place);
    } catch (error) {
      answer = { status: 0, code: (error as NodeJS.ErrnoException).code ?? (error as Error).message };
    }
    const { status, code } = answer;
    if (status === 200) return true;
    // It is there, with these very bytes: no others are admitted.
    if (status === 412) return false;
    if (status === 400 && /Digest|Checksum|IncompleteBody/i.test(code)) throw changed();
    const isExpired = status === 403 || (status === 400 && code === 'ExpiredToken');
    const isPassing = status === 0 || status === 409 || status === 429 || status >= 500;
    const words = `S3 ${status === 0 ? `gave no answer (${code})` : `answered ${status} ${code}`}`;
    if (!isExpired && !isPassing) throw new Refused(words);
    if (attempt === TRIES) throw new Error(words);
    await setTimeout(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    if (isExpired) address = await renew();
  }
  return false;
}

const changed = () =>
  new Refused('the file was changed after it was read. Run the same command again to import it as it is now');

interface Answer {
  status: number;
  /** Of S3's error; empty if there is none. */
  code: string;
}

/** Streams a file to an address. The bytes are sent once S3 has seen the headers and wants them. */
function put({ url, headers }: Address, { path, bytes, agent }: Place): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { protocol } = new URL(url);
    const request = (protocol === 'https:' ? https : http).request(url, {
      method: 'PUT',
      headers: { ...headers, expect: '100-continue' },
      timeout: SILENCE_MS,
      ...(agent[protocol] ? { agent: agent[protocol] } : {}),
    });
    let isSending = false;
    const send = () => {
      if (isSending) return;
      isSending = true;
      // Behind them another request would begin.
      const file = createReadStream(path, { end: bytes - 1 });
      file.on('error', (error) => request.destroy(error));
      file.pipe(request);
    };
    const waiting = globalThis.setTimeout(send, CONTINUE_MS);
    request.on('continue', send);
    request.on('timeout', () => request.destroy(new Error('the connection is silent')));
    request.on('error', reject);
    request.on('close', () => clearTimeout(waiting));
    request.on('response', (response) => {
      clearTimeout(waiting);
      text(response).then((body) => {
        // What S3 did not want is not sent, and the connection cannot be used again.
        if (!isSending) request.destroy();
        resolve({ status: response.statusCode ?? 0, code: /<Code>(\w+)</.exec(body)?.[1] ?? '' });
      }, reject);
    });
    request.flushHeaders();
  });
}
