import type { ObjectStore } from '../ports.ts';
import { auditRoundKey, auditRoundsPrefix, codebookKey, roundPrefix } from '../records/keys.ts';
import { readRound } from '../records/round.ts';

/**
 * What of a round is evidence, and is copied into the backup. Pictures are copies of renditions, which `tag` can make again;
 * names of raters are never copied, so that they can be forgotten. serverless.yml and infra/roles.yml have the same patterns.
 */
const KEPT = /^(round|closed|snapshot)\.json$|^(slots|labels|withdrawn|reported)\//;

/** Whether an object of a round is copied. */
const isKept = (round: string, key: string): boolean => KEPT.test(key.slice(roundPrefix(round).length));

/** Keys of what is evidence of a round, as a bucket has them. */
export async function* keptOfRound(store: ObjectStore, round: string): AsyncGenerator<string> {
  for await (const { key } of store.list(roundPrefix(round))) if (isKept(round, key)) yield key;
}

/** The rounds that show pictures of an audit, as a bucket has them. */
export async function roundsOfAudit(store: ObjectStore, audit: string): Promise<string[]> {
  const prefix = auditRoundsPrefix(audit);
  const rounds: string[] = [];
  for await (const { key } of store.list(prefix)) rounds.push(key.slice(prefix.length));
  return rounds;
}

/** Keys of what is kept with a round and stands elsewhere: its codebook, and the references of its audits. */
export async function keptBeside(store: ObjectStore, round: string): Promise<string[]> {
  const plan = await readRound(store, round);
  return plan ? [codebookKey(plan.codebook), ...plan.audits.map((audit) => auditRoundKey(audit, round))] : [];
}
