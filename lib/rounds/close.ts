import { applicable, isComplete } from '../contract/gates.ts';
import type { Codebook, Given } from '../contract/round-request.ts';
import type { Snapshot } from '../contract/rounds.ts';
import { Refusal } from '../errors.ts';
import { inGroups } from '../in-groups.ts';
import type { Presign } from '../ports.ts';
import {
  closedKey,
  openKey,
  partKey,
  partsPrefix,
  raterName,
  snapshotKey,
  withdrawnPrefix,
} from '../records/keys.ts';
import { addAnswers, type LastAnswers, listBatches, readBatches } from '../records/labels.ts';
import { listRaters, type SlotRecord } from '../records/rater.ts';
import { hiddenItems } from '../records/reported.ts';
import type { OpenRound } from '../records/round.ts';
import { namesUnder, type RoundDeps, requireRound } from './read.ts';

/** A request that found the round open ends within 30 s: a minute after closing no answer is under way any more. */
export const SETTLE_MS = 60_000;
/** How long one request puts parts together, of the 25 s that it has. */
const PARTS_MS = 12_000;

interface Closed {
  at: string;
  by: string;
}

/** What a rater last answered to a picture: place of the picture, showing, then place of the question and answer. */
type Entry = [item: number, showing: 1 | 2, answers: [question: number, answer: Given][]];
/** What some batches of a rater say that count, and how many came too late. */
interface Part {
  entries: Entry[];
  late: number;
}

/**
 * Closes a round for good: `POST /api/rounds/{r}/close`. It can be repeated. If the process dies before the fact, the round is
 * open as before, and reconcile removes `open/<r>`.
 * @returns when it was closed
 * @throws {Refusal} 404, 409
 */
export async function closeRound(deps: RoundDeps, round: string, caller: string): Promise<string> {
  const { store, time } = deps;
  const { plan } = await requireRound(deps, round);
  const closed: Closed = { at: time.now().toISOString(), by: caller };
  // reconcile sees that all of it is copied.
  await store.create(openKey(round), '');
  if (await store.createJson(closedKey(round), closed, { tags: { retention: plan.retention } }))
    return closed.at;
  return (await store.readJson<Closed>(closedKey(round)))?.value.at ?? closed.at;
}

/**
 * The address of the labels that count: `GET /api/rounds/{r}/snapshot`. The first reader a minute after closing writes them,
 * rater by rater: a large round takes several requests, and each continues where the one before ended. Two at once
 * write the same bytes.
 * @throws {Refusal} 404; 409 if the round is open or was closed less than a minute ago, or the snapshot is not complete yet
 */
export async function snapshotAddress(
  deps: RoundDeps & { presign: Presign },
  round: string,
): Promise<string> {
  const { store, time, presign } = deps;
  const open = await requireRound(deps, round);
  if (await store.exists(snapshotKey(round))) return presign(snapshotKey(round));
  const closed = await store.readJson<Closed>(closedKey(round));
  if (!closed)
    throw new Refusal(
      409,
      'The round is open. Labels are counted when it is closed, so that nobody stops at a result. Close it first.',
    );
  const due = closed.modified.getTime() + SETTLE_MS;
  const left = due - time.now().getTime();
  if (left > 0)
    throw new Refusal(
      409,
      'The round was closed less than a minute ago, and last answers may be under way. Try again after `Retry-After` seconds.',
      { headers: { 'retry-after': String(Math.ceil(left / 1_000)) } },
    );
  const [raters, withdrawn] = await Promise.all([
    listRaters(store, round),
    namesUnder(store, withdrawnPrefix(round)),
  ]);
  const counted = raters.filter(({ slot, generation }) => !withdrawn.includes(raterName(slot, generation)));
  await makeParts(deps, open, counted, new Date(due));
  const snapshot = await putTogether(deps, open, counted, closed.value.at);
  await store.createJson(
    snapshotKey(round),
    { ...snapshot, withdrawn: withdrawn.sort() },
    {
      tags: { retention: open.plan.retention },
    },
  );
  return presign(snapshotKey(round));
}

/** Batches of a rater whose last answers one object has: as many as one request surely reads. */
const BATCHES_A_PART = 1_000;

/** Raters whose batches are listed, or whose parts are read, at once. */
const PARALLEL_RATERS = 10;

/** Writes what raters last answered in a few objects, so that no request reads all batches. */
async function makeParts(
  { store, time }: RoundDeps,
  { plan, codebook }: OpenRound,
  raters: readonly SlotRecord[],
  due: Date,
): Promise<void> {
  const end = time.monotonic() + PARTS_MS;
  const itemAt = new Map(plan.items.map(({ opaque }, place) => [opaque, place]));
  const questionAt = new Map(codebook.questions.map(({ id }, place) => [id, place]));
  const done = new Set(await namesUnder(store, partsPrefix(plan.id)));
  let made = 0;
  const listed = inGroups(raters, PARALLEL_RATERS, async ({ slot, generation }) => {
    const name = raterName(slot, generation);
    return { name, numbers: await listBatches(store, plan.id, name) };
  });
  let place = -1;
  for await (const { name, numbers } of listed) {
    place++;
    for (const [part, some] of Map.groupBy(numbers, (seq) => Math.floor(seq / BATCHES_A_PART))) {
      const key = partKey(plan.id, name, part);
      if (done.has(key.slice(partsPrefix(plan.id).length))) continue;
      if (made++ > 0 && time.monotonic() > end)
        throw new Refusal(
          409,
          `The snapshot is being written: ${place} of ${raters.length} raters are done. Try again after \`Retry-After\` seconds.`,
          { headers: { 'retry-after': '1' } },
        );
      const last: LastAnswers = new Map();
      let late = 0;
      // By the time in the batch: one that was restored from the backup has a new date in S3.
      for await (const { at, answers } of readBatches(store, plan.id, name, some))
        if (Date.parse(at) > due.getTime()) late++;
        else addAnswers(last, answers);
      const read: Part = { entries: entriesOf(last, itemAt, questionAt), late };
      await store.createJson(key, read, { tags: { retention: plan.retention } });
    }
  }
}

/** What a rater last answered, from the parts. */
async function readParts(store: RoundDeps['store'], round: string, rater: string): Promise<Part> {
  const prefix = `${partsPrefix(round)}${rater}/`;
  const last = new Map<string, Entry>();
  let late = 0;
  const names = await namesUnder(store, prefix);
  const parts = await Promise.all(names.map((name) => store.readJson<Part | Entry[]>(`${prefix}${name}`)));
  for (const part of parts) {
    // Parts of earlier versions are entries alone.
    const value = Array.isArray(part!.value) ? { entries: part!.value, late: 0 } : part!.value;
    late += value.late;
    for (const [item, showing, answers] of value.entries) {
      const before = last.get(`${item}/${showing}`)?.[2] ?? [];
      last.set(`${item}/${showing}`, [item, showing, [...new Map([...before, ...answers])]]);
    }
  }
  return { entries: [...last.values()], late };
}

function entriesOf(
  last: LastAnswers,
  itemAt: ReadonlyMap<string, number>,
  questionAt: ReadonlyMap<string, number>,
): Entry[] {
  const entries: Entry[] = [];
  for (const [key, answers] of last) {
    const [item = '', showing] = key.split('/');
    const place = itemAt.get(item);
    if (place === undefined) continue;
    const named = [...answers].map(([question, answer]): [number, Given] => [
      questionAt.get(question)!,
      answer,
    ]);
    entries.push([place, showing === '2' ? 2 : 1, named.sort(([one], [other]) => one - other)]);
  }
  return entries.sort(([one, showing], [other, otherShowing]) => one - other || showing - otherShowing);
}

/**
 * The labels that count. Of the raters that a slot has had, for each picture and showing those of the first one count who has
 * done it whole, else of the first one who has begun it: the answers of two people are never mixed. Answers to questions that later ones
 * made not applicable do not count.
 */
async function putTogether(
  { store }: RoundDeps,
  { plan, codebook }: OpenRound,
  raters: readonly SlotRecord[],
  closedAt: string,
): Promise<Omit<Snapshot, 'withdrawn'>> {
  const labels: Snapshot['labels'] = [];
  let late = 0;
  const slots = [...Map.groupBy(raters, ({ slot }) => slot)];
  const read = inGroups(slots, PARALLEL_RATERS, ([slot, generations]) =>
    Promise.all(
      generations.map(async ({ generation }) => {
        const rater = raterName(slot, generation);
        return { rater, part: await readParts(store, plan.id, rater) };
      }),
    ),
  );
  for await (const generations of read) {
    const chosen = new Map<string, { rater: string; isWhole: boolean; entry: Entry }>();
    for (const { rater, part } of generations) {
      late += part.late;
      for (const entry of part.entries) {
        const [item, showing, answers] = entry;
        const key = `${item}/${showing}`;
        const isWhole = isComplete(codebook, answersOf(codebook, answers));
        const before = chosen.get(key);
        if (!before || (isWhole && !before.isWhole)) chosen.set(key, { rater, isWhole, entry });
      }
    }
    for (const { rater, entry } of chosen.values()) {
      const [item, showing, answers] = entry;
      const shown = applicable(codebook, answersOf(codebook, answers));
      for (const [question, answer] of answers)
        if (shown.has(codebook.questions[question]!.id))
          labels.push([item, question, rater, answer, showing]);
    }
  }
  labels.sort(
    (one, other) => one[0] - other[0] || one[1] - other[1] || compare(one[2], other[2]) || one[4] - other[4],
  );
  const hidden = await hiddenItems(store, plan.id);
  return {
    ...{ round: plan.id, closedAt, codebook: plan.codebook, labels },
    reported: plan.items.flatMap(({ opaque }, place) => (hidden.has(opaque) ? [place] : [])),
    late,
  };
}

const answersOf = ({ questions }: Codebook, answers: Entry[2]): Map<string, Given> =>
  new Map(answers.map(([place, answer]) => [questions[place]!.id, answer]));

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
