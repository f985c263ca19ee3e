import type { ObjectStore } from '../ports.ts';
import { waitingKey } from './keys.ts';
import type { Plan } from './plan.ts';

/** What keeps predictions from being requested: what Replicate says, or a secret that is missing here. */
export type WaitingReason = 'rate limit' | 'credit' | 'token' | 'secret';

/** Why an audit waits, as `audits/<a>/waiting.json` holds it. It is overwritten, and counts until its time is over. */
export interface Waiting {
  why: WaitingReason;
  /** Replicate's words, or what an operator has to do. */
  detail: string;
  /** ISO 8601. */
  at: string;
  until: string;
}

/** Dispatch comes back a little after `until`; only then is it known whether the waiting is over. */
const GRACE_MS = 30_000;

/** A wait that begins now. */
export const waitingFor = (why: WaitingReason, detail: string, now: Date, seconds: number): Waiting => ({
  ...{ why, detail, at: now.toISOString() },
  until: new Date(now.getTime() + seconds * 1_000).toISOString(),
});

export const writeWaiting = (
  store: ObjectStore,
  { id, retention }: Pick<Plan, 'id' | 'retention'>,
  waiting: Waiting,
): Promise<void> => store.replaceJson(waitingKey(id), waiting, { tags: { retention } });

/** What an audit waits for at this moment, if anything. */
export async function readWaiting(
  store: ObjectStore,
  audit: string,
  now: Date,
): Promise<Waiting | undefined> {
  const waiting = (await store.readJson<Waiting>(waitingKey(audit)))?.value;
  return waiting && Date.parse(waiting.until) + GRACE_MS > now.getTime() ? waiting : undefined;
}
