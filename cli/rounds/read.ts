import type { Prediction, PredictionImage } from '../../lib/contract/answers.ts';
import type { Snapshot } from '../../lib/contract/rounds.ts';
import type { RatedRound } from '../../lib/download/rounds.ts';
import { type FindingsInput, imageOf, withoutWithdrawn } from '../../lib/findings/facts.ts';
import type { ApiClient } from '../api-client.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Progress } from '../progress.ts';

/** An image with the prediction that it is of. */
export interface Located {
  audit: string;
  prediction: Prediction;
  image: PredictionImage;
}

export interface RoundFacts {
  /** What findings are made from. */
  input: FindingsInput;
  /** Images by their names in the round. */
  located: Map<string, Located>;
}

/**
 * Reads a closed round, without the labels of raters who have withdrawn.
 * @throws {CommandError} if the round is open, or something of it cannot be read
 */
export async function readRated(client: ApiClient, round: string): Promise<RatedRound> {
  const { plan, codebook, images } = await client.roundPlan(round);
  const written = await fetchSnapshot(await client.snapshotUrl(round));
  return { round: plan, codebook, images, snapshot: withoutWithdrawn(written, await client.round(round)) };
}

/**
 * Reads a closed round with its audits: what findings, the report and exports are made from.
 * @throws {CommandError} if the round is open, or something of it cannot be read
 */
export async function readRound(client: ApiClient, round: string, progress: Progress): Promise<RoundFacts> {
  const rated = await readRated(client, round);
  const plans = await Promise.all(rated.round.audits.map((audit) => client.plan(audit)));
  const row = progress.row(
    'predictions',
    plans.reduce((sum, { cells }) => sum + cells, 0),
  );
  const located = new Map<string, Located>();
  const audits: FindingsInput['audits'][number][] = [];
  let read = 0;
  for (const one of plans) {
    const cells: Prediction[] = [];
    for await (const prediction of client.predictions(one.id)) {
      cells.push(prediction);
      for (const image of prediction.images)
        located.set(imageOf(one.id, prediction.n, image.index), { audit: one.id, prediction, image });
      row.update(++read);
    }
    audits.push({ plan: one, cells });
  }
  return { input: { ...rated, audits }, located };
}

async function fetchSnapshot(url: string): Promise<Snapshot> {
  const response = await fetch(url);
  if (!response.ok)
    throw new CommandError(
      EXIT.unavailable,
      `The snapshot of the round could not be downloaded: S3 answered ${response.status}. Run the same command again.`,
    );
  return (await response.json()) as Snapshot;
}
