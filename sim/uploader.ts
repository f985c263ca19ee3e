import { createHash } from 'node:crypto';
import type { HttpResponse } from '../lib/http/problem.ts';
import type { Chance } from './kernel.ts';
import type { Uploading } from './order.ts';
import { putPresigned } from './presigned.ts';
import { picture } from './replicate.ts';
import type { World } from './world.ts';

/** A picture that somebody has. */
export interface Picture {
  bytes: Buffer;
  sha256: string;
  isBroken: boolean;
  isEncoded: boolean;
  isWithheld: boolean;
}

/** The pictures of an import, in the order of cells. */
export function picturesOf(count: number, name: string, chance: Chance, habits: Uploading): Picture[] {
  return Array.from({ length: count }, (_, cell) => {
    const whole = picture(`${name} ${cell}`);
    const isBroken = chance.happens(habits.broken);
    const bytes = isBroken ? whole.subarray(0, -2) : whole;
    return {
      ...{ bytes, isBroken, sha256: createHash('sha256').update(bytes).digest('hex') },
      isEncoded: chance.happens(habits.encoded),
      isWithheld: chance.happens(habits.withheld),
    };
  });
}

/** The body of `POST /api/imports`. */
export const importOf = (texts: readonly string[], samples: number, pictures: readonly Picture[]) => ({
  model: 'somebody’s camera',
  prompts: texts,
  pictures: pictures.map(({ sha256, bytes }, cell) => ({
    ...{ prompt: Math.floor(cell / samples), sha256, bytes: bytes.length, format: 'png' },
  })),
});

interface Address {
  n: number;
  url: string;
  headers: Record<string, string>;
}

/** Sends a request to the API until it is answered by one of these. */
type Insist = (query: Record<string, string>) => Promise<HttpResponse>;

/** Somebody who uploads the pictures of an import until none is missing. */
export class Uploader {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #habits: Uploading;
  readonly #pictures: readonly Picture[];
  readonly #report: (promise: string, what: string) => void;
  /** Cells whose picture somebody was told is there. */
  readonly #there = new Set<number>();

  constructor(
    world: World,
    chance: Chance,
    habits: Uploading,
    pictures: readonly Picture[],
    report: (promise: string, what: string) => void,
  ) {
    this.#world = world;
    this.#chance = chance;
    this.#habits = habits;
    this.#pictures = pictures;
    this.#report = report;
  }

  /** @param addresses asks for those of a page */
  async upload(addresses: Insist): Promise<void> {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      for (let cursor: string | undefined = '00000'; cursor !== undefined; ) {
        const known = new Set(this.#there);
        const { statusCode, body } = await addresses({ cursor });
        // Canceled or deleted.
        if (statusCode !== 200) return;
        const page = JSON.parse(body) as { addresses: Address[]; cursor?: string };
        for (const address of page.addresses) {
          if (known.has(address.n)) this.#report('only what is missing has an address', `cell ${address.n}`);
          if (this.#pictures[address.n]!.isWithheld) continue;
          isDone = false;
          await this.#picture(address);
          await this.#sleep(this.#chance.between(0, this.#habits.rests));
        }
        cursor = page.cursor;
      }
    }
  }

  readonly #sleep = (ms: number) => new Promise<void>((resolve) => this.#world.kernel.after(ms, resolve));

  async #picture(address: Address): Promise<void> {
    const { bytes, isEncoded } = this.#pictures[address.n]!;
    if (this.#chance.happens(this.#habits.wrong)) {
      this.#world.coverage.met('another file was sent to the address of a picture');
      const wrong = this.#chance.pick([
        picture('another file'),
        Buffer.from(bytes).fill(7, bytes.length - 20),
        bytes.subarray(1),
      ]);
      const status = await this.#put(address, {}, wrong);
      if (status === 200) this.#report('an address admits the announced file alone', `cell ${address.n}`);
    }
    const more: Record<string, string> = isEncoded ? { 'content-encoding': 'gzip' } : {};
    if (this.#chance.happens(this.#habits.doubled)) {
      this.#world.coverage.met('a picture was sent twice');
      void this.#put(address, more, bytes);
    }
    const status = await this.#put(address, more, bytes);
    // 412: an attempt whose answer was lost, or the other of two.
    if (status === 200 || status === 412) this.#there.add(address.n);
  }

  /** @returns the status; 0 if none came, 503 and 409 for what may be repeated */
  #put(address: Address, more: Record<string, string>, body: Buffer): Promise<number> {
    const { kernel, storm, s3 } = this.#world;
    const call = { functionKey: 'browser', service: 's3', action: 'PUT', kind: 'images/<a>/<n>/<i>' };
    const fate = storm.fateOf(call);
    const { ms } = storm.latency(call);
    this.#world.coverage.call(call, fate);
    this.#world.underWay++;
    return new Promise((resolve) =>
      kernel.after(ms, () => {
        this.#world.underWay--;
        let status = { unavailable: 503, 'dies before': 0 }[fate as string] ?? 200;
        if (status === 200)
          try {
            putPresigned(s3, kernel.now, address.url, { ...address.headers, ...more }, body);
          } catch (error) {
            status = (error as { $metadata?: { httpStatusCode: number } }).$metadata?.httpStatusCode ?? 500;
            if (status === 500) throw error;
          }
        const about = new URL(address.url).pathname;
        kernel.log.add({ at: kernel.now, who: 'browser', what: 'PUT', about, outcome: `${status} ${fate}` });
        resolve(['lost', 'dies after'].includes(fate) ? 0 : status);
      }),
    );
  }
}
