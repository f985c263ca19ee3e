import { isDeepStrictEqual } from 'node:util';
import { IMAGE_BYTES, sizeClass } from '../limits.ts';
import type { LookAtImage, ObjectStore } from '../ports.ts';
import {
  everyJudgement,
  holding,
  IMAGES_A_RECORD,
  type Judgement,
  type Judgements,
  judgementKeys,
} from '../records/judgement.ts';
import { deletedKey, imageKey, purgedKey, renditionKey } from '../records/keys.ts';
import type { Looked } from './decode/looked.ts';
import { DECODER_VERSION, dependsOnMachine } from './verdict.ts';

export interface JudgeDeps {
  store: ObjectStore;
  look: LookAtImage;
  /**
   * Called with images that were judged for the first time, after their record was written: at most once for each image,
   * and not at all if the process dies in between.
   */
  onFirst?: (judgements: Judgement[]) => void;
}

/** Images of one cell. */
export interface CellImages {
  audit: string;
  n: number;
  indexes: readonly number[];
}

/** One byte more than the decoder takes: it finds a larger image too large, and memory holds no more of it. */
const WHOLE = `bytes=0-${IMAGE_BYTES}`;

/** An image that is read and not looked at yet. */
interface Loaded {
  tags: Record<string, string>;
  bytes: Buffer;
  /** What records say about it. */
  known: readonly Judgement[];
}

/** What became of an image that was looked at. */
interface Judged {
  /** What this decoder found. */
  seen: Judgement;
  /** What holds with what records say beside it. */
  holds: Judgement;
}

const judgementOf = (looked: Looked): Judgement => {
  const { verdict: status, format, width, height, reason, animated, alpha, c2pa, blank } = looked;
  const facts = { ...(reason && { reason }), animated, alpha, c2pa, blank };
  return { status, format, width, height, decoded: { version: DECODER_VERSION, ...facts } };
};

/**
 * Whether this decoder has judged an image. It does not look again although it may have been too slow: a cell with a
 * hundred such images would begin again with every delivery.
 */
const isSeen = (known: readonly Judgement[]) =>
  known.some(({ decoded }) => decoded?.version === DECODER_VERSION);

const heldOf = (known: readonly Judgement[]): Judgement | undefined =>
  known.reduce<Judgement | undefined>(holding, undefined);

/**
 * Judges images of one cell with the decoder, makes renditions of those that are `ok`, and records what was found. Every
 * step can be repeated, and a run that dies is: an image is tagged after its rendition exists, and recorded after it is
 * tagged. The record of eight images is written as soon as they are judged; a later run skips what is recorded.
 *
 * A rendition must not outlive its image. A deletion or a purge first writes its tombstone, then deletes. So this looks
 * for tombstones before it reads an image and after it created the rendition, and destroys the rendition if there is one.
 *
 * @param indexes places of the images; one that does not exist any more is skipped
 * @param signal ends the work: what is recorded by then is kept
 * @returns what holds of each image
 * @throws the first fault, after the other images were judged; or the signal's reason. A later run repairs what a fault
 * leaves, also that of another run at once which found something else
 */
export async function judgeCell(
  deps: JudgeDeps,
  cell: CellImages,
  signal?: AbortSignal,
): Promise<Judgements> {
  const judge = new CellJudge(deps, cell, signal);
  const found: Judgements = new Map();
  const faults: unknown[] = [];
  for (const group of Map.groupBy(cell.indexes, (index) => Math.floor(index / IMAGES_A_RECORD)).values())
    for (const [index, judgement] of await judge.group(group, faults)) found.set(index, judgement);
  if (faults.length > 0) throw faults[0];
  return found;
}

class CellJudge {
  readonly #store: ObjectStore;
  readonly #look: LookAtImage;
  readonly #onFirst: JudgeDeps['onFirst'];
  readonly #cell: CellImages;
  readonly #signal: AbortSignal | undefined;
  #known: Promise<Map<number, Judgement[]>> | undefined;
  #retention: string | undefined;

  constructor({ store, look, onFirst }: JudgeDeps, cell: CellImages, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#look = look;
    this.#onFirst = onFirst;
    this.#cell = cell;
    this.#signal = signal;
  }

  /** Judges the images of one record and writes it, unless one of them could not be judged. */
  async group(indexes: readonly number[], faults: unknown[]): Promise<Judgements> {
    const found: Judgements = new Map();
    const seen = new Map<number, Judged>();
    const before = faults.length;
    let next = settled(this.#load(indexes[0]!));
    for (const [place, index] of indexes.entries()) {
      const [loaded] = await next;
      // Read while this one is looked at.
      const following = indexes[place + 1];
      if (following !== undefined) next = settled(this.#load(following));
      this.#signal?.throwIfAborted();
      try {
        if (loaded?.status === 'rejected') throw loaded.reason;
        const image = loaded?.value;
        const judged = image && ('bytes' in image ? await this.#judge(index, image) : image);
        if (!judged) await this.#destroyRendition(index);
        else if ('seen' in judged) seen.set(index, judged);
        if (judged) found.set(index, 'seen' in judged ? judged.holds : judged);
      } catch (error) {
        this.#signal?.throwIfAborted();
        faults.push(error);
      }
    }
    if (faults.length === before && seen.size > 0) {
      await this.#record(seen);
      await this.#demandOneTruth(seen);
    }
    return found;
  }

  /** Records what was seen of one group, but for what would change nothing that this decoder has recorded before. */
  async #record(judged: ReadonlyMap<number, Judged>): Promise<void> {
    const { audit, n } = this.#cell;
    const known = (await this.#known) ?? new Map<number, Judgement[]>();
    const fresh: Judgements = new Map();
    for (const [index, { seen }] of judged) {
      const before = known.get(index) ?? [];
      if (!isSeen(before) || holding(heldOf(before), seen) === seen) fresh.set(index, seen);
    }
    const first = [...fresh].flatMap(([index, judgement]) => (known.has(index) ? [] : [judgement]));
    for (const key of judgementKeys(audit, n, fresh)) {
      // Of two runs at once, one creates the record.
      const isNew = await this.#store.create(key, '', { tags: this.#retentionTag });
      if (isNew && first.length > 0) this.#onFirst?.(first);
    }
  }

  /**
   * Two runs at once may find different things of an image: one was too slow. Each tags it, records it, and then looks at
   * what is there. So either the run that was not too slow sees what the other has left of the image, or the slow one,
   * which lists the records, sees the other's.
   * @throws if tags or rendition are not what holds
   */
  async #demandOneTruth(judged: ReadonlyMap<number, Judged>): Promise<void> {
    const { audit, n } = this.#cell;
    const wasSlow = [...judged.values()].some(({ seen }) => dependsOnMachine(seen.decoded?.reason));
    const said = wasSlow ? await everyJudgement(this.#store, audit, n) : new Map<number, Judgement[]>();
    const check = async (index: number, judgement: Judgement) => {
      const holds = (said.get(index) ?? []).reduce(holding, judgement);
      const key = imageKey(audit, n, index);
      const [tags, isWhole] = await Promise.all([this.#store.tags(key), this.#hasItsRendition(index, holds)]);
      if (tags && (tags.status !== holds.status || !isWhole))
        throw new Error(
          `Two runs of tag found different things of ${key}, and its tags or its rendition are not what holds. The next delivery of the event repairs it.`,
        );
    };
    await Promise.all([...judged].map(([index, { holds }]) => check(index, holds)));
  }

  /** @returns the judgement of an image that needs no other; undefined for one that does not exist any more */
  async #load(index: number): Promise<Loaded | Judgement | undefined> {
    const { audit, n } = this.#cell;
    const key = imageKey(audit, n, index);
    const [isEnded, tags] = await Promise.all([this.#isEnded(index), this.#store.tags(key)]);
    if (isEnded || !tags) return undefined;
    this.#retention = tags.retention;
    // Tags come before records: an image that is still pending has none.
    const known = (tags.status === 'pending' ? undefined : (await this.#recorded()).get(index)) ?? [];
    const held = heldOf(known);
    if (held && isSeen(known) && held.status === tags.status && (await this.#hasItsRendition(index, held)))
      return held;
    const read = await this.#store.readRange(key, WHOLE);
    return read && { tags, bytes: read.bytes, known };
  }

  /** @returns undefined if the image was deleted meanwhile */
  async #judge(index: number, { tags, bytes, known }: Loaded): Promise<Judged | undefined> {
    const { audit, n } = this.#cell;
    const looked = await this.#look(bytes, this.#signal);
    const seen = judgementOf(looked);
    const holds = holding(heldOf(known), seen);
    if (holds.status === 'quarantined') await this.#destroyRendition(index);
    else if (looked.rendition)
      await this.#store.create(renditionKey(audit, n, index), looked.rendition, {
        contentType: 'image/webp',
        tags: { status: 'ok', ...this.#retentionTag },
      });
    const { status, format } = holds;
    const wanted = { ...tags, status, format, size: sizeClass(holds) };
    const [isEnded, isThere] = await Promise.all([
      this.#isEnded(index),
      // Tags that are set again would start the backup again.
      isDeepStrictEqual(wanted, tags) || this.#store.setTags(imageKey(audit, n, index), wanted),
    ]);
    return isThere && !isEnded ? { seen, holds } : undefined;
  }

  async #isEnded(index: number): Promise<boolean> {
    const { audit, n } = this.#cell;
    const tombstones = [deletedKey(audit), purgedKey(audit, n, index)];
    return (await Promise.all(tombstones.map((key) => this.#store.exists(key)))).includes(true);
  }

  async #hasItsRendition(index: number, { status }: Judgement): Promise<boolean> {
    const { audit, n } = this.#cell;
    return status === 'quarantined' || this.#store.exists(renditionKey(audit, n, index));
  }

  #destroyRendition(index: number): Promise<void> {
    const { audit, n } = this.#cell;
    return this.#store.destroy(renditionKey(audit, n, index));
  }

  /** What the records of the cell say. */
  #recorded(): Promise<Map<number, Judgement[]>> {
    const { audit, n } = this.#cell;
    this.#known ??= everyJudgement(this.#store, audit, n);
    return this.#known;
  }

  get #retentionTag(): { retention?: string } {
    return this.#retention ? { retention: this.#retention } : {};
  }
}

/** How a promise ends, so that one that nobody waits for yet is no unhandled rejection. */
const settled = <T>(promise: Promise<T>) => Promise.allSettled([promise]);
