import { writeTombstone } from '../audits/end.ts';
import type { Exact } from '../contract/answers.ts';
import type { Round, RoundEntry, RoundPage } from '../contract/rounds.ts';
import { Refusal } from '../errors.ts';
import { PAGE } from '../limits.ts';
import type { ObjectStore, Time } from '../ports.ts';
import {
  auditRoundsPrefix,
  closedKey,
  createdAtOf,
  deletedKey,
  isAuditId,
  isRoundId,
  peoplePrefix,
  personKey,
  ROUNDS_PREFIX,
  raterName,
  roundDraftKey,
  roundKey,
  snapshotKey,
  withdrawnPrefix,
} from '../records/keys.ts';
import { listBatches, Places, readBatch } from '../records/labels.ts';
import { listRaters, type SlotRecord } from '../records/rater.ts';
import { hiddenItems } from '../records/reported.ts';
import { isRoundDeleted, type OpenRound, type RoundPlan, readDraft } from '../records/round.ts';
import { assignmentLength } from './assignment.ts';

export interface RoundDeps {
  store: ObjectStore;
  /** A round with its codebook; undefined where there is none, or it or one of its audits was deleted. */
  readRound: (round: string) => Promise<OpenRound | undefined>;
  time: Time;
}

const notFound = (round: string) =>
  new Refusal(
    404,
    `There is no round "${round.slice(0, 40)}". "npx weaudit round" and GET /api/rounds list all rounds.`,
  );

/**
 * A round with its codebook.
 * @throws {Refusal} 404 if there is none, or it or one of its audits was deleted; 409 if its pictures are not copied yet
 */
export async function requireRound({ store, readRound }: RoundDeps, round: string): Promise<OpenRound> {
  if (!isRoundId(round)) throw notFound(round);
  const found = await readRound(round);
  if (found) return found;
  const draft = await readDraft(store, round);
  if (draft && !(await isRoundDeleted(store, draft)))
    throw new Refusal(
      409,
      'The pictures of this round are not copied yet. Send the request that makes it again, with the same Idempotency-Key, or delete the round.',
    );
  throw notFound(round);
}

/** What a LIST finds straight under a prefix. */
export async function namesUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of store.list(prefix)) names.push(key.slice(prefix.length));
  return names;
}

/**
 * Rounds, newest first: `GET /api/rounds`.
 * @param query cursor: the id of the last round of the page before; audit: only rounds that show pictures of this audit
 */
export async function listRounds(
  store: ObjectStore,
  { cursor, limit = PAGE.audits, audit }: { cursor?: string; limit?: number; audit?: string },
): Promise<RoundPage> {
  const ids = audit === undefined ? await store.folders(ROUNDS_PREFIX, limit, cursor) : [];
  if (audit !== undefined && isAuditId(audit)) {
    const prefix = auditRoundsPrefix(audit);
    for await (const { key } of store.list(prefix, cursor && `${prefix}${cursor}`, limit)) {
      ids.push(key.slice(prefix.length));
      if (ids.length === limit) break;
    }
  }
  const entries = await Promise.all(ids.map((id) => roundEntry(store, id)));
  const last = ids.at(-1);
  return {
    rounds: entries.filter((entry) => entry !== undefined),
    ...(last !== undefined && ids.length === limit ? { cursor: last } : {}),
  };
}

/** A round as a list shows it; undefined if it does not exist or was deleted. */
async function roundEntry(store: ObjectStore, id: string): Promise<RoundEntry | undefined> {
  const [head, closed, deleted] = await Promise.all([
    store.head(roundKey(id)),
    store.exists(closedKey(id)),
    store.exists(deletedKey(id)),
  ]);
  if (deleted) return undefined;
  if (!head) {
    const draft = await readDraft(store, id);
    return draft && { ...shapeOf(draft), state: 'copying' };
  }
  const { name = '', items, ratings, slots, 'created-by': createdBy = '' } = head.metadata;
  return {
    id,
    name: decodeURIComponent(name),
    createdAt: createdAtOf(id),
    createdBy: decodeURIComponent(createdBy),
    state: closed ? 'closed' : 'open',
    items: Number(items),
    ratings: Number(ratings),
    slots: Number(slots),
  };
}

const shapeOf = ({ id, name, createdAt, createdBy, items, ratings, slots }: RoundPlan) => ({
  ...{ id, name, createdAt, createdBy, items: items.length, ratings, slots },
});

/**
 * A round and how far its raters are: `GET /api/rounds/{r}`. Of each rater it reads the last batch alone.
 * @throws {Refusal} 404, 409
 */
export async function describeRound(deps: RoundDeps, round: string): Promise<Round> {
  const { store } = deps;
  const { plan } = await requireRound(deps, round);
  const [raters, people, withdrawn, reported, closed, snapshot] = await Promise.all([
    listRaters(store, round),
    namesUnder(store, peoplePrefix(round)),
    namesUnder(store, withdrawnPrefix(round)),
    hiddenItems(store, round),
    store.readJson<{ at: string }>(closedKey(round)),
    store.exists(snapshotKey(round)),
  ]);
  const facts = { people: new Set(people), withdrawn: new Set(withdrawn) };
  const known = await Promise.all(raters.map((rater) => progressOf(deps, plan, rater, facts)));
  const imageOf = new Map([...plan.practice, ...plan.items].map(({ opaque, image }) => [opaque, image]));
  return {
    ...shapeOf(plan),
    state: closed ? 'closed' : 'open',
    audits: plan.audits,
    progress: Array.from({ length: plan.slots }, (_, i) => ({
      slot: i + 1,
      total: assignmentLength(plan, i + 1),
      raters: known.flatMap((one, place) => (raters[place]!.slot === i + 1 ? [one] : [])),
    })),
    reported: [...reported].flatMap((opaque) => imageOf.get(opaque) ?? []),
    ...(closed ? { closedAt: closed.value.at } : {}),
    snapshot,
  };
}

async function progressOf(
  { store }: RoundDeps,
  plan: RoundPlan,
  { slot, generation, pseudonym, at }: SlotRecord,
  { people, withdrawn }: { people: ReadonlySet<string>; withdrawn: ReadonlySet<string> },
): Promise<Round['progress'][number]['raters'][number]> {
  const rater = raterName(slot, generation);
  const last = (await listBatches(store, plan.id, rater)).at(-1);
  const [batch, person] = await Promise.all([
    last === undefined ? undefined : readBatch(store, plan.id, rater, last),
    people.has(`${rater}.json`) ? store.readJson<{ name?: string }>(personKey(plan.id, rater)) : undefined,
  ]);
  const length = assignmentLength(plan, slot);
  const name = person?.value.name;
  return {
    rater,
    pseudonym,
    ...(name === undefined ? {} : { name }),
    since: at,
    ...(batch?.consent ? { agreedAt: batch.consent.at } : {}),
    answered: new Places(length, batch?.answered).size,
    skipped: new Places(length, batch?.skipped).size,
    withdrawn: withdrawn.has(rater),
  };
}

/**
 * What was decided before the first label, with the images by their places: `GET /api/rounds/{r}/plan`.
 * @throws {Refusal} 404, 409
 */
export async function roundPlan(deps: RoundDeps, round: string): Promise<Exact<'RoundPlan'>> {
  const { plan, codebook } = await requireRound(deps, round);
  const { secret: _secret, items, practice: _practice, ...shown } = plan;
  return { plan: shown, codebook, images: items.map(({ image }) => image) };
}

/**
 * Deletes a round, also one whose pictures are not copied yet: writes its tombstone. reconcile deletes its objects.
 * @throws {Refusal} 404 if there is none
 */
export async function deleteRound(deps: RoundDeps, round: string, caller: string): Promise<void> {
  const { store } = deps;
  if (!isRoundId(round)) throw notFound(round);
  const [isThere, isBegun] = await Promise.all([
    store.exists(deletedKey(round)).then(async (deleted) => deleted || store.exists(roundKey(round))),
    store.exists(roundDraftKey(round)),
  ]);
  if (!isThere && !isBegun) throw notFound(round);
  await writeTombstone(deps, round, caller);
}
