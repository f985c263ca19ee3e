import { get, send } from './client.ts';
import type { AcceptedRound, RaterLink, Round, RoundEntry, RoundPage, RoundPlanAnswer } from './types.ts';

const pathOf = (round: string) => `/api/rounds/${encodeURIComponent(round)}`;
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  send(path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

/** All rounds that show pictures of an audit, newest first. */
export async function readRounds(audit: string): Promise<RoundEntry[]> {
  const rounds: RoundEntry[] = [];
  let cursor: string | undefined;
  do {
    const page: RoundPage = await get(`/api/rounds?audit=${audit}${cursor ? `&cursor=${cursor}` : ''}`);
    rounds.push(...page.rounds);
    cursor = page.cursor;
  } while (cursor);
  return rounds;
}

export const readRound = (round: string) => get<Round>(pathOf(round));
export const readRoundPlan = (round: string) => get<RoundPlanAnswer>(`${pathOf(round)}/plan`);

/**
 * Makes a round: repeats the request until all of its pictures are copied.
 * @param body a `RoundRequest` as JSON
 * @param key the same for each attempt, so that a retry continues the same round
 * @param progress called with each answer
 */
export async function createRound(
  body: string,
  key: string,
  progress: (made: AcceptedRound) => void,
): Promise<AcceptedRound> {
  for (;;) {
    const made: AcceptedRound = await (await post('/api/rounds', body, { 'idempotency-key': key })).json();
    progress(made);
    if (made.state === 'open') return made;
  }
}

/** Gives a slot to a rater, who replaces the one before. */
export const giveSlot = async (round: string, slot: number, name: string): Promise<RaterLink> =>
  (await post(`${pathOf(round)}/raters`, { slot, ...(name === '' ? {} : { name }) })).json();

/** @param rater `3.1`: of those who have had slot 3, the first */
export const withdrawRater = (round: string, rater: string) =>
  send(`${pathOf(round)}/raters/${rater.replace('.', '?generation=')}`, { method: 'DELETE' });
export const forgetNames = (round: string) => send(`${pathOf(round)}/people`, { method: 'DELETE' });
/** Shows raters a picture again that one of them reported. @param image `<audit>/<cell>/<index>` */
export const clearReport = (round: string, image: string) => post(`${pathOf(round)}/cleared`, { image });
export const closeRound = (round: string) => post(`${pathOf(round)}/close`, {});
export const deleteRound = (round: string) => send(pathOf(round), { method: 'DELETE' });
