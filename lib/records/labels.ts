import { SKIPPED } from '../contract/gates.ts';
import type { Consent, Given, Label } from '../contract/round-request.ts';
import { inGroups } from '../in-groups.ts';
import type { ObjectStore } from '../ports.ts';
import { labelsKey, raterLabelsPrefix } from './keys.ts';

/** Answers of one rater, as they came in one request: `rounds/<r>/labels/<s>.<gen>/<seq>.json`. A fact. */
export interface Batch {
  rater: string;
  pseudonym: string;
  /** SHA-256 of the codebook. */
  codebook: string;
  /** When it came, by this pipeline's clock: ISO 8601. */
  at: string;
  /** Absent from clients that do not send it. */
  consent?: Consent;
  answers: Label[];
  /** Which places of the slot's list have an answer by now, this batch included: a bit each, as base64. */
  answered: string;
  /** Which of them were skipped at least once, likewise. */
  skipped: string;
}

/** GETs at once: as many as the client of S3 has connections. */
const PARALLEL = 50;

/** Numbers of the batches of a rater, in their order: a LIST. */
export async function listBatches(store: ObjectStore, round: string, rater: string): Promise<number[]> {
  const prefix = raterLabelsPrefix(round, rater);
  const numbers: number[] = [];
  for await (const { key } of store.list(prefix)) {
    const [, seq] = /^(\d{5})\.json$/.exec(key.slice(prefix.length)) ?? [];
    if (seq) numbers.push(Number(seq));
  }
  return numbers;
}

export const readBatch = async (store: ObjectStore, round: string, rater: string, seq: number) =>
  (await store.readJson<Batch>(labelsKey(round, rater, seq)))?.value;

/** Some batches of a rater one by one, in their order. */
export async function* readBatches(
  store: ObjectStore,
  round: string,
  rater: string,
  numbers: readonly number[],
): AsyncGenerator<Batch> {
  const batches = inGroups(numbers, PARALLEL, (seq) => readBatch(store, round, rater, seq));
  for await (const batch of batches) if (batch) yield batch;
}

/** A picture and how often it was seen, as the key of a map. */
export const showingKey = ({ item, showing }: Pick<Label, 'item' | 'showing'>): string =>
  `${item}/${showing}`;

/** What a rater last answered, by picture and showing, then by question. */
export type LastAnswers = Map<string, Map<string, Given>>;

/** Adds answers in the order in which they were given: the later one counts. */
export function addAnswers(last: LastAnswers, answers: readonly Label[]): void {
  for (const label of answers) {
    const key = showingKey(label);
    const known = last.get(key) ?? new Map<string, Given>();
    known.set(label.question, label.answer);
    last.set(key, known);
  }
}

/** Batches of a rater that one page reads: a rater who sends each answer alone has thousands. */
const RECENT = 300;

/** How far a rater is, for the next page. */
export interface RaterState {
  nextSeq: number;
  /** What the last batches say of pictures that were not begun before them. */
  recent: LastAnswers;
  /** What was answered before these, and is taken for done: the keys of showings. */
  older: Set<string>;
}

/** Reads the last batches of a rater; what was answered before them, the bits of the one before say. */
export async function readState(
  store: ObjectStore,
  round: string,
  rater: string,
  list: readonly Pick<Label, 'item' | 'showing'>[],
): Promise<RaterState> {
  const numbers = await listBatches(store, round, rater);
  const border = numbers.at(-RECENT - 1);
  const before = border === undefined ? undefined : await readBatch(store, round, rater, border);
  const answered = new Places(list.length, before?.answered);
  const older = new Set(list.filter((_, place) => answered.has(place)).map(showingKey));
  const recent: LastAnswers = new Map();
  for await (const { answers } of readBatches(store, round, rater, numbers.slice(-RECENT)))
    addAnswers(recent, answers);
  // A picture that was done before is not begun again by an answer that was changed since.
  for (const key of older) recent.delete(key);
  return { nextSeq: (numbers.at(-1) ?? -1) + 1, recent, older };
}

/** Places of a list as bits. */
export class Places {
  readonly #bits: Buffer;

  /** @param base64 those of an earlier batch of the same list */
  constructor(length: number, base64 = '') {
    this.#bits = Buffer.alloc(Math.ceil(length / 8));
    Buffer.from(base64, 'base64').copy(this.#bits);
  }

  add(place: number): void {
    this.#bits[place >> 3]! |= 1 << (place & 7);
  }

  has(place: number): boolean {
    return (this.#bits[place >> 3]! & (1 << (place & 7))) !== 0;
  }

  get size(): number {
    let count = 0;
    for (let byte of this.#bits) for (; byte > 0; byte &= byte - 1) count++;
    return count;
  }

  toString(): string {
    return this.#bits.toString('base64');
  }
}

/** How far a rater is after a batch, from what the batch before says. */
export function placesAfter(
  list: readonly Pick<Label, 'item' | 'showing'>[],
  before: Pick<Batch, 'answered' | 'skipped'> | undefined,
  answers: readonly Label[],
): Pick<Batch, 'answered' | 'skipped'> {
  const placeOf = new Map(list.map((showing, place) => [showingKey(showing), place]));
  const answered = new Places(list.length, before?.answered);
  const skipped = new Places(list.length, before?.skipped);
  for (const label of answers) {
    const place = placeOf.get(showingKey(label));
    if (place === undefined) continue;
    answered.add(place);
    if (label.answer === SKIPPED) skipped.add(place);
  }
  return { answered: answered.toString(), skipped: skipped.toString() };
}
