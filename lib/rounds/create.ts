import { type Origin, shortened } from '../audits/accept.ts';
import { requirePlan } from '../audits/read.ts';
import { parseBody } from '../audits/request.ts';
import type { Contrast, RoundRequest } from '../contract/round-request.ts';
import { RoundRequest as Request } from '../contract/round-request.ts';
import type { AcceptedRound } from '../contract/rounds.ts';
import { Refusal } from '../errors.ts';
import { inGroups } from '../in-groups.ts';
import { canonicalJson } from '../json.ts';
import { PAGE, RETENTIONS, type Retention, ROUND } from '../limits.ts';
import type { Chance, ObjectStore, Time } from '../ports.ts';
import { rangesOf } from '../records/blocks.ts';
import { codebookFaults, createCodebook, faultOfAnswer } from '../records/codebook.ts';
import { listJudgements } from '../records/judgement.ts';
import {
  auditId,
  auditRoundKey,
  createdAtOf,
  deletedKey,
  idempotencyKey,
  itemKey,
  itemsPrefix,
  manifestKey,
  renditionKey,
  reportedKey,
  roundDraftKey,
  roundKey,
} from '../records/keys.ts';
import { pairOf } from '../records/pairs.ts';
import type { Plan } from '../records/plan.ts';
import { isStored } from '../records/result.ts';
import { type Item, opaqueName, type RoundPlan, readDraft, readRound } from '../records/round.ts';
import { readResult, readSummaries } from '../records/summary.ts';
import { sha256Hex } from '../sha256.ts';
import { mostRepeats } from './assignment.ts';

export interface CreateDeps {
  store: ObjectStore;
  readPlan: (audit: string) => Promise<Plan | undefined>;
  time: Time;
  chance: Chance;
}

/** Copies at once: each is a rendition of some 50 kB in memory. */
const PARALLEL_COPIES = 48;
/** Ranges of an audit that are read at once: each has up to a hundred results. */
const PARALLEL_RANGES = 4;
/** How long one request copies, of the 25 s that it has. */
const COPY_MS = 15_000;

/**
 * Makes a round: `POST /api/rounds`. The writes come in this order, and the process may die after any of them: the
 * idempotency record (a repeated request finds the same id), a reference from each audit (a deletion or a purge finds the
 * round), the codebook, the draft (the pictures are chosen), the copies of their renditions, the plan (now the round
 * exists). A request copies for some seconds; the same request again continues where it ended.
 * @throws {Refusal} 404 for an audit that does not exist, 409 for one that is not finished or has nothing to show, 410 if the
 * round was deleted, 422 for what is not right
 */
export async function createRound(deps: CreateDeps, origin: Origin): Promise<AcceptedRound> {
  const { store } = deps;
  if (origin.idempotencyKey === undefined)
    throw new Refusal(
      400,
      'Send a header Idempotency-Key: a round is made by repeating the request until all pictures are copied.',
    );
  const request = parseBody(Request, origin.body);
  const begun = await findBegun(store, origin);
  const finished = begun && (await readRound(store, begun));
  const existing = finished || (begun && (await readDraft(store, begun)));
  if (existing) await requireUndeleted(store, existing);
  if (finished) return accepted(finished, finished.items.length);
  const draft = existing || (await makeDraft(deps, request, origin, begun));
  const copied = await copyItems(deps, draft);
  if (copied < draft.items.length) return { ...accepted(draft, copied), state: 'copying' };
  await requireUndeleted(store, draft);
  const { id, name, createdBy, retention, items, ratings, slots } = draft;
  await store.createJson(roundKey(id), draft, {
    tags: { retention },
    metadata: {
      // Metadata is ASCII.
      name: encodeURIComponent(shortened(name, PAGE.nameLength)),
      'created-by': encodeURIComponent(createdBy),
      ...{ items: String(items.length), ratings: String(ratings), slots: String(slots) },
    },
  });
  return accepted(draft, copied);
}

const accepted = ({ id, items }: RoundPlan, copied: number): AcceptedRound => ({
  ...{ id, state: 'open', items: items.length, copied },
  url: `/api/rounds/${id}`,
});

interface IdempotencyRecord {
  round: string;
  body: string;
}

/** Apart from the keys of audits: the same key may start an audit and a round. */
const recordKey = ({ idempotencyKey: key, caller }: Origin): string =>
  idempotencyKey(sha256Hex(`${caller}\nround\n${key}`));

/** The round that an earlier request with the same key began. */
async function findBegun(store: ObjectStore, origin: Origin): Promise<string | undefined> {
  const record = (await store.readJson<IdempotencyRecord>(recordKey(origin)))?.value;
  if (!record) return undefined;
  if (record.body !== sha256Hex(origin.body))
    throw new Refusal(
      422,
      'This Idempotency-Key was used with another body. For a new round send a new key; to continue a round send the same body.',
    );
  if (await store.exists(deletedKey(record.round)))
    throw new Refusal(
      410,
      `The round of this Idempotency-Key, ${record.round}, was deleted. Send a new key to make the round again.`,
    );
  return record.round;
}

async function claimRound({ store, time, chance }: CreateDeps, origin: Origin): Promise<string> {
  const round = auditId(time.now(), chance.fraction);
  const record: IdempotencyRecord = { round, body: sha256Hex(origin.body) };
  if (await store.createJson(recordKey(origin), record)) return round;
  return (await findBegun(store, origin)) ?? round;
}

/**
 * Chooses the pictures. Everything that can be refused is refused before anything is written.
 * @param begun the id, if an earlier request got as far
 * @returns the draft, or that of an equal request that was quicker
 */
async function makeDraft(
  deps: CreateDeps,
  request: RoundRequest,
  origin: Origin,
  begun: string | undefined,
): Promise<RoundPlan> {
  const { store, chance } = deps;
  const audits = [...new Set(request.audits)];
  const plans = await readAudits(deps, audits);
  requireCodebook(request, plans);
  requireSameFactors(plans);
  const seed = request.seed ?? Math.floor(chance.fraction() * 2 ** 31);
  const pictures = request.pictures ?? 'all';
  const practice = (request.practice ?? []).map((one) => one.image);
  const images = await chooseImages(store, plans, { seed, pictures, practice });
  const ratings = request.ratings ?? 3;
  const secret = chance.id();
  const items: Item[] = images
    .map((image) => ({ image, opaque: opaqueName(secret, image) }))
    .sort((one, other) => (one.opaque < other.opaque ? -1 : 1));
  const shape = { ratings, slots: request.slots ?? ratings, repeats: request.repeats ?? 0 };
  requireShape({ ...shape, items }, request.codebook.questions.length);
  const id = begun ?? (await claimRound(deps, origin));
  const draft: RoundPlan = {
    version: 1,
    id,
    name: request.name,
    createdAt: createdAtOf(id),
    createdBy: origin.caller,
    retention: shortest(plans.map(({ retention }) => retention)),
    audits,
    codebook: '',
    seed,
    secret,
    pictures,
    ...shape,
    practice: (request.practice ?? []).map((one) => ({ ...one, opaque: opaqueName(secret, one.image) })),
    consent: request.consent,
    notice: request.notice ?? '',
    contrasts: request.contrasts ?? [],
    exclusions: request.exclusions ?? '',
    items,
  };
  const tags = { retention: draft.retention };
  await Promise.all(audits.map((audit) => store.create(auditRoundKey(audit, id), '', { tags })));
  // Behind the references: a deletion that began before finds them, one that began later is seen here.
  await requireUndeleted(store, draft);
  draft.codebook = await createCodebook(store, request.codebook);
  if (await store.createJson(roundDraftKey(id), draft, { tags })) return draft;
  return (await readDraft(store, id)) ?? draft;
}

const shortest = (retentions: readonly Retention[]): Retention =>
  RETENTIONS.find((retention) => retentions.includes(retention)) ?? 'standard';

async function requireUndeleted(store: ObjectStore, { id, audits }: Pick<RoundPlan, 'id' | 'audits'>) {
  const deleted = await Promise.all([id, ...audits].map((one) => store.exists(deletedKey(one))));
  const place = deleted.indexOf(true);
  if (place === 0) throw new Refusal(410, `The round ${id} was deleted.`);
  if (place > 0)
    throw new Refusal(410, `Audit ${audits[place - 1]} was deleted, so the round is deleted, too.`);
}

/** The plans of audits that are finished. */
async function readAudits(deps: CreateDeps, audits: readonly string[]): Promise<Plan[]> {
  const plans = await Promise.all(
    audits.map(async (audit) => {
      const plan = await requirePlan(deps, audit);
      if (!(await deps.store.exists(manifestKey(audit, 'json'))))
        throw new Refusal(
          409,
          `Audit ${audit} is not finished. A round takes finished audits alone, so that it is known what is missing. Try again when its manifest is written.`,
        );
      return plan;
    }),
  );
  const cells = plans.reduce((sum, plan) => sum + plan.cells, 0);
  if (cells > ROUND.cells)
    throw new Refusal(
      422,
      `The audits have ${cells} predictions together, and a round takes at most ${ROUND.cells}. Make several rounds.`,
    );
  return plans;
}

function requireCodebook({ codebook, contrasts = [], practice = [] }: RoundRequest, plans: readonly Plan[]) {
  const questions = new Map(codebook.questions.map((question) => [question.id, question]));
  const faults = codebookFaults(codebook);
  contrasts.forEach((contrast, i) => {
    if (!questions.get(contrast.question)?.answers.some(({ id }) => id === contrast.answer))
      faults.push(`contrasts[${i}] names a question or an answer that the codebook does not have`);
    const unknown = unknownSide(contrast, plans);
    if (unknown !== undefined) faults.push(`contrasts[${i}] names "${unknown}", which no audit has`);
    const { one, other } = contrast.between;
    // A model that is there with several versions or inputs has something to compare.
    const alike = plans.flatMap(({ models }) => models.filter(({ model }) => model === one));
    if (one === other && ('factor' in contrast.between || alike.length < 2))
      faults.push(`contrasts[${i}] compares "${one}" with itself`);
  });
  practice.forEach(({ image, answers }, i) => {
    if (!plans.some(({ id }) => image.startsWith(`${id}/`)))
      faults.push(`practice[${i}] names an image of an audit that is not among "audits"`);
    for (const [id, answer] of Object.entries(answers)) {
      const question = questions.get(id);
      const fault = question
        ? faultOfAnswer(question, answer)
        : 'is to a question that the codebook does not have';
      if (fault) faults.push(`the answer "${id}" of practice[${i}] ${fault}`);
    }
  });
  if (faults.length > 0)
    throw new Refusal(422, `Please change: ${faults.slice(0, 5).join('; ')}.`, {
      members: { errors: faults.slice(0, 5) },
    });
}

/** Findings count what one model makes of one prompt together, whichever audit asked for it: it has one value of each factor. */
function requireSameFactors(plans: readonly Plan[]): void {
  const known = new Map<string, { audit: string; factors: string }>();
  for (const { id, prompts, models } of plans)
    for (const { text, factors = {} } of prompts) {
      const own = { audit: id, factors: canonicalJson(factors) };
      for (const { model } of models) {
        const key = JSON.stringify([text, model]);
        const first = known.get(key) ?? own;
        known.set(key, first);
        if (first.factors !== own.factors)
          throw new Refusal(
            422,
            `The audits ${first.audit} and ${id} give the prompt "${shortened(text, PAGE.nameLength)}" of ${model} different factors, and findings count its pictures together. Make a round of each audit.`,
          );
      }
    }
}

/** The side of a contrast that is in no audit. */
function unknownSide({ between }: Contrast, plans: readonly Plan[]): string | undefined {
  const known = new Set(
    plans.flatMap(({ models, prompts }) =>
      'model' in between
        ? models.map(({ model }) => model)
        : prompts.flatMap(({ factors }) => factors?.[between.factor] ?? []),
    ),
  );
  return [between.one, between.other].find((side) => !known.has(side));
}

function requireShape(
  shape: Pick<RoundPlan, 'items' | 'ratings' | 'slots' | 'repeats'>,
  questions: number,
): void {
  const { items, ratings, slots, repeats } = shape;
  const refuse = (detail: string) => {
    throw new Refusal(422, detail);
  };
  if (items.length === 0)
    throw new Refusal(
      409,
      'The audits have no picture to rate: none is valid, not blank, and has a rendition.',
    );
  if (items.length > ROUND.items)
    refuse(
      `The round would have ${items.length} pictures, and at most ${ROUND.items} can be rated. Set "pictures" to fewer for each pair of prompt and model.`,
    );
  const labels = items.length * ratings * questions;
  if (labels > ROUND.labels)
    refuse(
      `The round would have ${labels} labels (pictures × ratings × questions), and at most ${ROUND.labels} can be counted. Choose fewer pictures, ratings or questions.`,
    );
  if (slots < ratings)
    refuse(`"slots" must be at least ${ratings}, because each picture is rated by as many different raters.`);
  const most = mostRepeats(shape);
  if (repeats > most) refuse(`"repeats" must be at most ${most}: half of the pictures that each rater sees.`);
}

/** Which images are rated: `<audit>/<cell>/<index>` of those that are valid, not blank, and named by a result. */
async function chooseImages(
  store: ObjectStore,
  plans: readonly Plan[],
  { seed, pictures, practice }: { seed: number; pictures: number | 'all'; practice: readonly string[] },
): Promise<string[]> {
  const chosen: string[] = [];
  const unseen = new Set(practice);
  for (const plan of plans) {
    const shown = await showable(store, plan);
    for (const { image } of shown) unseen.delete(image);
    const candidates = shown.filter(({ image }) => !practice.includes(image));
    chosen.push(
      ...(pictures === 'all' ? candidates : firstOfEachPair(plan, candidates, seed, pictures)).map(
        ({ image }) => image,
      ),
    );
  }
  const [missing] = unseen;
  if (missing !== undefined)
    throw new Refusal(422, `The practice picture ${missing} does not exist, is not valid, or is blank.`);
  return chosen;
}

interface Candidate {
  image: string;
  cell: number;
  index: number;
}

/**
 * So many of each pair of prompt and model. The order of samples follows from the seed and is the same for all pairs, so that
 * pictures with the same seed are compared as far as possible. Where a sample has no picture the next one takes its place.
 */
function firstOfEachPair(
  plan: Plan,
  candidates: readonly Candidate[],
  seed: number,
  count: number,
): Candidate[] {
  const byPair = new Map<number, { candidate: Candidate; rank: string }[]>();
  for (const candidate of candidates) {
    const { pair, sample } = pairOf(plan, candidate.cell);
    const rank = sha256Hex(`${seed}/samples/${sample}/${candidate.index}`);
    byPair.set(pair, [...(byPair.get(pair) ?? []), { candidate, rank }]);
  }
  return [...byPair.values()].flatMap((ranked) =>
    ranked
      .sort((one, other) => (one.rank < other.rank ? -1 : 1))
      .slice(0, count)
      .map(({ candidate }) => candidate),
  );
}

/** Images of an audit that a rater may be shown. @throws {Refusal} 409 if one of them has no rendition */
async function showable(store: ObjectStore, plan: Plan): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const parts = inGroups(rangesOf(plan), PARALLEL_RANGES, async ({ from, to }) => {
    const [summed, judged] = await Promise.all([
      readSummaries(store, plan, { from, to }),
      listJudgements(store, plan.id, from, to),
    ]);
    const cells = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const results = await Promise.all(
      cells.map((cell) => summed.get(cell) ?? readResult(store, plan.id, cell)),
    );
    const candidates: Candidate[] = [];
    for (const { cell, images } of results)
      for (const image of images) {
        const judgement = isStored(image) ? judged.get(cell)?.get(image.index) : undefined;
        if (judgement?.status !== 'ok' || judgement.decoded?.blank) continue;
        if (!judgement.decoded) throw withoutRendition(plan.id);
        candidates.push({ image: imageName(plan.id, cell, image.index), cell, index: image.index });
      }
    return candidates;
  });
  for await (const candidates of parts) found.push(...candidates);
  return found;
}

const withoutRendition = (audit: string) =>
  new Refusal(
    409,
    `Images of audit ${audit} have no renditions, because they were judged before there were any. Ask an operator to run: npx weaudit rejudge ${audit}`,
  );

/** `<audit>/<cell>/<index>` */
const imageName = (audit: string, cell: number, index: number): string =>
  renditionKey(audit, cell, index).slice('renditions/'.length);

/**
 * Copies the rendition of an image into a round. One that is there is kept. Read and written instead of copied by S3, which would
 * carry the metadata of the rendition along.
 * @returns false if there is no rendition
 */
export async function copyItem(
  store: ObjectStore,
  { id, retention }: Pick<RoundPlan, 'id' | 'retention'>,
  { image, opaque }: Item,
): Promise<boolean> {
  const rendition = await store.readRange(`renditions/${image}`, 'bytes=0-');
  if (!rendition) return false;
  const tags = { status: 'ok', retention };
  await store.create(itemKey(id, opaque), rendition.bytes, { contentType: 'image/webp', tags });
  return true;
}

/**
 * Copies what is not copied yet, in the order of opaque names, so that the dates of the copies say nothing of their images.
 * @returns how many are there; fewer than all if the time was up
 */
async function copyItems({ store, time }: CreateDeps, draft: RoundPlan): Promise<number> {
  const { id, items, practice, retention } = draft;
  const end = time.monotonic() + COPY_MS;
  const copied = new Set<string>();
  for await (const { key } of store.list(itemsPrefix(id))) copied.add(key);
  const all = [...practice, ...items];
  const missing = all.filter(({ opaque }) => !copied.has(itemKey(id, opaque)));
  for (let i = 0; i < missing.length; i += PARALLEL_COPIES) {
    const isLate = i > 0 && time.monotonic() > end;
    if (isLate) return Math.min(items.length - 1, all.length - missing.length + i);
    await Promise.all(
      missing.slice(i, i + PARALLEL_COPIES).map(async (item) => {
        // Purged since it was chosen: hidden like a picture that was reported.
        if (!(await copyItem(store, draft, item)))
          await store.create(reportedKey(id, item.opaque, 'purged'), '', { tags: { retention } });
      }),
    );
  }
  return items.length;
}
