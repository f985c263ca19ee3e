import type { Snapshot } from '../../../lib/contract/rounds.ts';
import type { RatedRound } from '../../../lib/download/rounds.ts';
import { withoutWithdrawn } from '../../../lib/findings/facts.ts';
import { words } from '../words/findings.ts';
import { ApiError, send } from './client.ts';
import { readRound } from './rounds.ts';
import type { RoundPlanAnswer } from './types.ts';

const NOT_YET_MS = 5_000;

/**
 * Reads the labels of a closed round, without those of raters who have withdrawn.
 * @param progress called with what is waited for
 * @throws {ApiError}
 */
export async function readRated(
  { plan, codebook, images }: RoundPlanAnswer,
  progress: (text: string) => void,
): Promise<RatedRound> {
  const written = await readSnapshot(plan.id, progress);
  return { round: plan, codebook, images, snapshot: withoutWithdrawn(written, await readRound(plan.id)) };
}

/** The labels that count. Just after the round was closed, and while they are put together, the API says "not yet". */
async function readSnapshot(round: string, progress: (text: string) => void): Promise<Snapshot> {
  for (;;) {
    try {
      progress(words.reading);
      // The API leads to the bucket, to which browsers do not send the token.
      return await (await send(`/api/rounds/${round}/snapshot`)).json();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
      progress(words.notYet);
      await new Promise((resolve) => setTimeout(resolve, NOT_YET_MS));
    }
  }
}
