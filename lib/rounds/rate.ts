import { parseBody } from '../audits/request.ts';
import type { Exact } from '../contract/answers.ts';
import { isComplete } from '../contract/gates.ts';
import { type Label, LabelsRequest, ReportRequest } from '../contract/round-request.ts';
import type { RatePage, StoredLabels } from '../contract/rounds.ts';
import { Refusal } from '../errors.ts';
import { ROUND } from '../limits.ts';
import type { Presign } from '../ports.ts';
import { faultOfAnswer } from '../records/codebook.ts';
import {
  closedKey,
  itemKey,
  labelsKey,
  raterKey,
  raterName,
  reportedKey,
  withdrawnKey,
} from '../records/keys.ts';
import {
  type Batch,
  type LastAnswers,
  listBatches,
  placesAfter,
  readBatch,
  readState,
  showingKey,
} from '../records/labels.ts';
import { hasNext, readSlot } from '../records/rater.ts';
import { hiddenItems } from '../records/reported.ts';
import type { OpenRound } from '../records/round.ts';
import { sha256Hex } from '../sha256.ts';
import { assignmentOf, type Showing } from './assignment.ts';
import { type RaterRecord, roundOfToken } from './raters.ts';
import type { RoundDeps } from './read.ts';

/**
 * What raters are shown, and what they answer. Everything here leaves to a person who must not know which model or prompt a
 * picture is of: pictures have opaque names, and nothing else of the plan is told.
 */

export interface RateDeps extends RoundDeps {
  presign: Presign;
}

/** Whom a token names. */
interface Who extends OpenRound {
  round: string;
  slot: number;
  generation: number;
  /** `3.1` */
  name: string;
  list: Showing[];
}

/** Who rates. */
interface Rater extends Who {
  pseudonym: string;
  isClosed: boolean;
  /** Another rater has the slot by now, or this one has withdrawn. */
  isReplaced: boolean;
}

const unknown = () =>
  new Refusal(401, 'This link is unknown. Ask the person who sent it for a new one.', {
    headers: { 'www-authenticate': 'Bearer' },
  });

/**
 * The rater whom a token belongs to.
 * @param token as the header `Authorization` has it; it opens one slot of one round and nothing else
 * @param beside what is read of the rater's own at the same time
 * @throws {Refusal} 401 for an unknown one, also if its round or one of its audits was deleted
 */
async function raterOf<Beside = undefined>(
  { store, readRound }: RateDeps,
  token: string,
  beside?: (rater: Who) => Promise<Beside>,
): Promise<Rater & { beside: Beside | undefined }> {
  const round = roundOfToken(token);
  if (!round) throw unknown();
  const sha256 = sha256Hex(token);
  const [record, open, isClosed] = await Promise.all([
    store.readJson<RaterRecord>(raterKey(round, sha256)),
    readRound(round),
    store.exists(closedKey(round)),
  ]);
  if (!record || !open) throw unknown();
  const { slot, generation } = record.value;
  const name = raterName(slot, generation);
  const who = { ...open, round, slot, generation, name, list: assignmentOf(open.plan, slot) };
  const [holder, hasSuccessor, hasWithdrawn, read] = await Promise.all([
    readSlot(store, round, slot, generation),
    hasNext(store, round, slot, generation),
    store.exists(withdrawnKey(round, name)),
    beside?.(who),
  ]);
  if (holder?.token !== sha256) throw unknown();
  return {
    ...who,
    pseudonym: holder.pseudonym,
    isClosed,
    isReplaced: hasSuccessor || hasWithdrawn,
    beside: read,
  };
}

const replaced = () =>
  new Refusal(
    403,
    'This link has been replaced, so that it takes no answers any more. What you have answered is stored. Ask the person who sent it for a new one.',
  );
const closed = () =>
  new Refusal(409, 'The round is closed for good and takes no answers any more. Thank you for your work.', {
    members: { closed: true },
  });

/**
 * What a rater sees: `GET /api/rate`.
 * @param query cursor: the place in the rater's list at which the page begins
 * @throws {Refusal} 401, 403
 */
export async function ratePage(
  deps: RateDeps,
  token: string,
  { cursor = 0, limit = ROUND.page }: { cursor?: number; limit?: number },
): Promise<RatePage> {
  const { store, presign } = deps;
  const { beside, isReplaced, isClosed, round, plan, codebook, list } = await raterOf(deps, token, (who) =>
    Promise.all([
      readState(store, who.round, who.name, who.list),
      doneBefore(deps, who),
      hiddenItems(store, who.round),
    ]),
  );
  if (isReplaced) throw replaced();
  const [own, before, hidden] = beside!;
  const { consent, notice } = plan;
  const { nextSeq } = own;
  const frame = { consent, notice, codebook, total: list.length, nextSeq, closed: isClosed };
  if (isClosed) return { ...frame, practice: [], items: [], answered: [] };
  const done = new Set([...before, ...own.older]);
  const places = Array.from(
    { length: Math.max(0, Math.min(list.length, cursor + limit) - cursor) },
    (_, i) => cursor + i,
  );
  const shown = places.filter((place) => {
    const showing = list[place]!;
    return !hidden.has(showing.item) && !done.has(showingKey(showing));
  });
  const url = (opaque: string) => presign(itemKey(round, opaque));
  return {
    ...frame,
    practice: await Promise.all(
      plan.practice
        .filter(({ opaque }) => !hidden.has(opaque))
        .map(async ({ opaque, text, answers }) => ({ url: await url(opaque), text, answers })),
    ),
    items: await Promise.all(
      shown.map(async (place) => {
        const { item, showing } = list[place]!;
        return { place, id: item, showing, url: await url(item) };
      }),
    ),
    ...(cursor + limit < list.length ? { cursor: cursor + limit } : {}),
    answered: shown.flatMap((place) => answersTo(list[place]!, own.recent)),
  };
}

const answersTo = (showing: Showing, own: LastAnswers): RatePage['answered'] =>
  [...(own.get(showingKey(showing)) ?? [])].map(([question, answer]) => ({ ...showing, question, answer }));

/** What earlier raters of the slot have done whole, and have not withdrawn: which pictures, and nothing of the answers. */
async function doneBefore({ store }: RateDeps, who: Who): Promise<Set<string>> {
  const { round, slot, generation, codebook, list } = who;
  const done = new Set<string>();
  for (let before = 1; before < generation; before++) {
    const name = raterName(slot, before);
    if (await store.exists(withdrawnKey(round, name))) continue;
    const { recent, older } = await readState(store, round, name, list);
    for (const key of older) done.add(key);
    for (const [key, answers] of recent) if (isComplete(codebook, answers)) done.add(key);
  }
  return done;
}

/**
 * Stores a batch of answers under its number, once: `PUT /api/rate/labels/{seq}`. Numbers have no gaps, so that each batch
 * says how far the rater is with all before it.
 * @throws {Refusal} 401; 403 if another rater has the slot; 409 with the ids of the answers that are stored under this number,
 * or if the number before is missing, or the round is closed; 422
 */
export async function storeLabels(
  deps: RateDeps,
  token: string,
  seq: string,
  body: string,
): Promise<StoredLabels> {
  const { store, time } = deps;
  const number = /^\d{5}$/.test(seq) ? Number(seq) : undefined;
  const rater = await raterOf(deps, token, async (who) =>
    number ? await readBatch(store, who.round, who.name, number - 1) : undefined,
  );
  const { round, plan, name, pseudonym, list, beside: before } = rater;
  if (number === undefined)
    throw new Refusal(422, 'The number of the batch must have five digits. The first one is 00000.');
  const { consent, answers } = parseBody(LabelsRequest, body);
  if (consent && consent.sha256 !== sha256Hex(plan.consent))
    throw new Refusal(422, '"consent" is to another text than that of this round.');
  requireAnswers(rater, answers);
  if (rater.isReplaced || rater.isClosed) {
    // A repeated request is told so even where no new one is taken.
    const existing = await readBatch(store, round, name, number);
    if (existing) throw conflict(existing, number);
    throw rater.isClosed ? closed() : replaced();
  }
  if (number > 0 && !before) throw await gap(deps, rater, number);
  const batch: Batch = {
    ...{ rater: name, pseudonym, codebook: plan.codebook, at: time.now().toISOString() },
    ...(consent ? { consent } : {}),
    answers,
    ...placesAfter(list, before, answers),
  };
  if (await store.createJson(labelsKey(round, name, number), batch, { tags: { retention: plan.retention } }))
    return { seq: number, stored: answers.length };
  const existing = await readBatch(store, round, name, number);
  if (!existing) throw new Error(`batch ${number} of ${name} in round ${round} exists and cannot be read`);
  throw conflict(existing, number);
}

const conflict = ({ answers }: Batch, number: number) =>
  new Refusal(
    409,
    'Answers are stored under this number. If they are the same ones, this request was a repetition. Otherwise another tab was quicker: send them under the next number.',
    { members: { stored: answers.map(({ id }) => id), nextSeq: number + 1 } },
  );

async function gap({ store }: RateDeps, { round, name }: Rater, number: number): Promise<Refusal> {
  const nextSeq = ((await listBatches(store, round, name)).at(-1) ?? -1) + 1;
  return new Refusal(
    409,
    `Batch ${number - 1} is missing. Send batches in their order: the next number is ${nextSeq}.`,
    { members: { nextSeq } },
  );
}

/** @throws {Refusal} 422 for answers about what the rater is not asked */
function requireAnswers({ codebook, list }: Rater, answers: readonly Label[]): void {
  const own = new Set(list.map(showingKey));
  const questions = new Map(codebook.questions.map((question) => [question.id, question]));
  const faults = answers.flatMap((label, i) => {
    const question = questions.get(label.question);
    if (!own.has(showingKey(label))) return `answers[${i}] is about a picture that is not in your list`;
    if (!question) return `answers[${i}] is to a question that the codebook does not have`;
    const fault = faultOfAnswer(question, label.answer);
    return fault ? `"answer" of answers[${i}] ${fault}` : [];
  });
  if (faults.length > 0)
    throw new Refusal(422, `Please change: ${faults.slice(0, 5).join('; ')}.`, {
      members: { errors: faults.slice(0, 5) },
    });
}

/**
 * Hides a picture for everyone: `POST /api/rate/reports`. It can be repeated.
 * @throws {Refusal} 401, 403, 409 if the round is closed, 422 for a picture that the rater is not shown
 */
export async function reportItem(deps: RateDeps, token: string, body: string): Promise<Exact<'Hidden'>> {
  const { store, time } = deps;
  const { round, plan, name, list, isClosed, isReplaced } = await raterOf(deps, token);
  const { item } = parseBody(ReportRequest, body);
  if (!list.some((showing) => showing.item === item))
    throw new Refusal(422, 'The picture is not in your list.');
  if (isClosed) throw closed();
  if (isReplaced) throw replaced();
  const tags = { retention: plan.retention };
  await store.createJson(reportedKey(round, item), { by: name, at: time.now().toISOString() }, { tags });
  return { item, state: 'hidden' };
}
