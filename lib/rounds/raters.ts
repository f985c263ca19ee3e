import { parseBody } from '../audits/request.ts';
import { RaterRequest } from '../contract/round-request.ts';
import type { RaterLink } from '../contract/rounds.ts';
import { Refusal } from '../errors.ts';
import type { Chance } from '../ports.ts';
import {
  closedKey,
  isRoundId,
  peoplePrefix,
  personKey,
  raterKey,
  raterName,
  slotKey,
  withdrawnKey,
} from '../records/keys.ts';
import { latestGeneration, type SlotRecord } from '../records/rater.ts';
import { sha256Hex } from '../sha256.ts';
import { namesUnder, type RoundDeps, requireRound } from './read.ts';

export interface GiveDeps extends RoundDeps {
  chance: Chance;
}

/** What a token leads to: `rounds/<r>/raters/<sha256>`. */
export interface RaterRecord {
  slot: number;
  generation: number;
}

/** The id of a round, and 32 hexadecimal digits that nobody can guess. */
const TOKEN = /^([0-9a-hjkmnp-tv-z]{26})[0-9a-f]{32}$/;
/** The round that a token is for; undefined for what is no token of a rater. */
export const roundOfToken = (token: string): string | undefined => {
  const round = TOKEN.exec(token)?.[1];
  return round && isRoundId(round) ? round : undefined;
};

/**
 * Gives a slot to a rater, who replaces the one before: `POST /api/rounds/{r}/raters`. The token's record comes first, and
 * opens nothing without the slot's, which is created once: of two requests at once one is refused. If the process dies between
 * the two, the rater before keeps the slot. The name comes last.
 * @throws {Refusal} 404, 409 if the round is closed or another request was quicker, 422
 */
export async function giveSlot(
  deps: GiveDeps,
  round: string,
  body: string,
  caller: string,
): Promise<RaterLink> {
  const { store, time, chance } = deps;
  const { plan } = await requireRound(deps, round);
  const { slot, pseudonym = `rater ${slot}`, name } = parseBody(RaterRequest, body);
  if (slot > plan.slots)
    throw new Refusal(422, `"slot" must be at most ${plan.slots}: the round has no more slots.`);
  await requireOpen(deps, round);
  const generation = (await latestGeneration(store, round, slot)) + 1;
  const token = `${round}${chance.id().replaceAll('-', '')}`;
  const tags = { retention: plan.retention };
  const record: RaterRecord = { slot, generation };
  await store.createJson(raterKey(round, sha256Hex(token)), record, { tags });
  const holder: SlotRecord = {
    ...{ slot, generation, pseudonym, token: sha256Hex(token) },
    ...{ at: time.now().toISOString(), by: caller },
  };
  if (!(await store.createJson(slotKey(round, slot, generation), holder, { tags })))
    throw new Refusal(
      409,
      `Another request gave slot ${slot} to a rater at this moment. Look at the round, and try again if you want to replace that rater.`,
    );
  if (name !== undefined)
    await store.replaceJson(personKey(round, raterName(slot, generation)), { name }, { tags });
  return { slot, generation, pseudonym, token, url: `/rate.html#${token}` };
}

/** @throws {Refusal} 409 */
export async function requireOpen({ store }: Pick<RoundDeps, 'store'>, round: string): Promise<void> {
  if (await store.exists(closedKey(round)))
    throw new Refusal(409, 'The round is closed for good.', { members: { closed: true } });
}

/**
 * Excludes the labels of a rater, whose token opens nothing any more, and forgets the name: `DELETE
 * /api/rounds/{r}/raters/{slot}`.
 * @param generation that of an earlier rater of the slot; the last one otherwise
 * @returns the rater
 * @throws {Refusal} 404 if there is no such rater
 */
export async function withdrawRater(
  deps: RoundDeps,
  round: string,
  slot: string,
  generation?: number,
): Promise<string> {
  const { store, time } = deps;
  const { plan } = await requireRound(deps, round);
  const latest = /^[1-9]\d{0,2}$/.test(slot) ? await latestGeneration(store, round, Number(slot)) : 0;
  const wanted = generation ?? latest;
  if (wanted < 1 || wanted > latest)
    throw new Refusal(404, `No such rater has had slot ${slot.slice(0, 10)} of this round.`);
  const rater = raterName(Number(slot), wanted);
  const tags = { retention: plan.retention };
  await store.createJson(withdrawnKey(round, rater), { at: time.now().toISOString() }, { tags });
  await forget(deps, round, [`${rater}.json`], tags);
  return rater;
}

/**
 * Forgets the names of all raters: `DELETE /api/rounds/{r}/people`. Their labels stay, under their pseudonyms.
 * @throws {Refusal} 404, 409
 */
export async function forgetNames(deps: RoundDeps, round: string): Promise<void> {
  const { plan } = await requireRound(deps, round);
  const names = await namesUnder(deps.store, peoplePrefix(round));
  await forget(deps, round, names, { retention: plan.retention });
}

/** api deletes nothing: a record without a name takes the place, and the old version expires with all old versions. */
async function forget({ store }: RoundDeps, round: string, names: string[], tags: { retention: string }) {
  const known = new Set(await namesUnder(store, peoplePrefix(round)));
  for (const name of names)
    if (known.has(name)) await store.replaceJson(`${peoplePrefix(round)}${name}`, {}, { tags });
}
