import type { Given } from '../../../../lib/contract/round-request.ts';
import { type FindingsInput, imageOf, materialOf } from '../../../../lib/findings/facts.ts';
import { type Findings, findingsOf } from '../../../../lib/findings/findings.ts';
import { readPlan, readPredictions } from '../../api/client.ts';
import { readRated } from '../../api/rated.ts';
import type { Prediction, PredictionImage, RoundPlanAnswer } from '../../api/types.ts';
import { words } from '../../words/findings.ts';

const PAGE = 100;

/** An image of the round with what it was made from. */
export interface Located {
  audit: string;
  prediction: Prediction;
  image: PredictionImage;
  /** What findings call its model. */
  model: string;
}

export interface RoundFindings {
  input: FindingsInput;
  findings: Findings;
  /** By name of the image in the round. */
  located: Map<string, Located>;
}

/**
 * Reads the labels of a closed round and the predictions of its audits, and calculates the findings.
 * @param progress called with each page of predictions
 * @throws {ApiError}
 */
export async function readFindings(
  decided: RoundPlanAnswer,
  progress: (text: string) => void,
): Promise<RoundFindings> {
  const rated = await readRated(decided, progress);
  const predictionsOf = new Map<string, Prediction[]>();
  const plans = await Promise.all(decided.plan.audits.map(readPlan));
  const all = plans.reduce((sum, { cells }) => sum + cells, 0);
  const audits: FindingsInput['audits'][number][] = [];
  let read = 0;
  for (const one of plans) {
    const cells: Prediction[] = [];
    for (let from = 0; from < one.cells; from += PAGE) {
      const { predictions } = await readPredictions(one.id, from, PAGE);
      cells.push(...predictions);
      read += predictions.length;
      progress(words.loading(read, all));
    }
    audits.push({ plan: one, cells });
    predictionsOf.set(one.id, cells);
  }
  const input = { ...rated, audits };
  const { describe } = materialOf(input);
  const located = new Map<string, Located>();
  for (const one of plans)
    for (const prediction of predictionsOf.get(one.id) ?? [])
      for (const image of prediction.images) {
        const model = describe(one, prediction.n)?.model ?? prediction.model;
        located.set(imageOf(one.id, prediction.n, image.index), { audit: one.id, prediction, image, model });
      }
  return { input, findings: findingsOf(input), located };
}

/** What raters said of a picture: how often each answer. */
export interface Rated {
  image: string;
  isHidden: boolean;
  /** Ratings by answer, the most frequent first. */
  votes: [answer: string, count: number][];
  /** Ratings that are not the most frequent answer. */
  against: number;
}

/** The pictures of some images with their answers to a question, in the order of disagreement. */
export function ratedPictures(
  { images, codebook, snapshot }: FindingsInput,
  question: string,
  isWanted: (image: string) => boolean,
): Rated[] {
  const place = codebook.questions.findIndex(({ id }) => id === question);
  const byImage = new Map<number, Given[]>();
  for (const [item, asked, , answer, showing] of snapshot.labels)
    if (asked === place && showing === 1) byImage.set(item, [...(byImage.get(item) ?? []), answer]);
  const reported = new Set(snapshot.reported);
  return images
    .flatMap((image, item): Rated[] => {
      if (!isWanted(image)) return [];
      const given = byImage.get(item) ?? [];
      const counts = new Map<string, number>();
      for (const answer of given.flat()) counts.set(answer, (counts.get(answer) ?? 0) + 1);
      const votes = [...counts].sort(([, one], [, other]) => other - one);
      return [{ image, isHidden: reported.has(item), votes, against: given.length - (votes[0]?.[1] ?? 0) }];
    })
    .sort((one, other) => other.against - one.against);
}
