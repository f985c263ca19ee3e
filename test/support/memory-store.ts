import { createHash } from 'node:crypto';
import type { Copied, Head, Listed, ObjectStore, Upload } from '../../lib/ports.ts';
import { SortedKeys } from '../../sim/sorted-keys.ts';

interface Stored extends Upload {
  body: Buffer;
  etag: string;
  modified: Date;
}

/** What goes wrong at a call: nothing, it is never made, or its answer is lost. */
export type Weather = (verb: string, key: string) => 'fair' | 'fails' | 'answer lost';

/** One bucket in memory, for worlds that make millions of calls. `test/simulator/s3-contract.test.ts` holds the S3 of the simulator to S3; this has fewer verbs. */
export class MemoryStore implements ObjectStore {
  readonly bucket = 'images';
  readonly #objects = new Map<string, Stored>();
  readonly #keys = new SortedKeys();
  readonly #now: () => Date;
  weather: Weather = () => 'fair';
  calls = 0;

  constructor(now: () => Date) {
    this.#now = now;
  }

  within(): ObjectStore {
    return this;
  }

  /** Makes a call, as far as the weather lets it. A read whose answer is lost has failed. */
  async #call<T>(verb: string, key: string, work: () => T): Promise<T> {
    this.calls++;
    const how = this.weather(verb, key);
    // Others come between.
    await Promise.resolve();
    if (how === 'fails') throw new Error('the connection broke');
    const answer = work();
    if (how === 'answer lost') throw new Error('the connection broke');
    return answer;
  }

  #put(key: string, body: string | Buffer, upload: Upload = {}): string {
    const bytes = Buffer.from(body);
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    this.#objects.set(key, { ...upload, body: bytes, etag, modified: this.#now() });
    this.#keys.add(key);
    return etag;
  }

  create(key: string, body: string | Buffer, upload?: Upload): Promise<boolean> {
    return this.#call('create', key, () => !this.#objects.has(key) && this.#put(key, body, upload) !== '');
  }

  createJson(key: string, value: unknown, upload?: Upload): Promise<boolean> {
    return this.create(key, JSON.stringify(value), upload);
  }

  async replaceJson(key: string, value: unknown, upload?: Upload): Promise<void> {
    await this.#call('replace', key, () => this.#put(key, JSON.stringify(value), upload));
  }

  readJson<T>(key: string): Promise<{ value: T; etag: string; modified: Date } | undefined> {
    return this.#call('read', key, () => {
      const found = this.#objects.get(key);
      return (
        found && { value: JSON.parse(found.body.toString()), etag: found.etag, modified: found.modified }
      );
    });
  }

  readRange(key: string): Promise<{ bytes: Buffer; total: number } | undefined> {
    return this.#call('read', key, () => {
      const found = this.#objects.get(key);
      return found && { bytes: found.body, total: found.body.length };
    });
  }

  head(key: string): Promise<Head | undefined> {
    return this.#call('head', key, () => {
      const found = this.#objects.get(key);
      if (!found) return undefined;
      const { body, etag, modified, contentType = '', metadata = {} } = found;
      return {
        bytes: body.length,
        etag,
        modified,
        contentType,
        metadata,
        sha256: undefined,
        versionId: undefined,
        contentEncoding: undefined,
      };
    });
  }

  async exists(key: string): Promise<boolean> {
    return (await this.head(key)) !== undefined;
  }

  async *list(prefix: string, after?: string): AsyncGenerator<Listed> {
    // All of it at one moment: others write while it is read.
    yield* await this.#call('list', prefix, () => {
      const found: Listed[] = [];
      for (const key of this.#keys.from(after && after > prefix ? after : prefix)) {
        if (!key.startsWith(prefix)) break;
        if (key === after) continue;
        const { body, etag, modified } = this.#objects.get(key)!;
        found.push({ key, bytes: body.length, etag, modified });
      }
      return found;
    });
  }

  async delete(keys: string[]): Promise<void> {
    for (const key of keys) {
      this.#objects.delete(key);
      this.#keys.delete(key);
    }
  }

  createFromStream = unused<string | undefined>;
  swapJson = unused<string | undefined>;
  folders = unused<string[]>;
  tags = unused<Record<string, string> | undefined>;
  setTags = unused<boolean>;
  createCopy = unused<Copied>;
  deleteIf = unused<boolean>;
  destroy = unused<void>;
}

async function unused<T>(): Promise<T> {
  throw new Error('this store does not have this verb');
}
