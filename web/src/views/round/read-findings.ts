import type { Given } from '../../../../lib/contract/round-request.ts';
import { type FindingsInput, imageOf, materialOf } from '../../../../lib/findings/facts.ts';
import { type Findings, findingsOf } from '../../../../lib/findings/findings.ts';
import { isTemporary, readPlan } from '../../api/client.ts';
import { readRated } from '../../api/rated.ts';
import type { Plan, Prediction, PredictionImage, RoundPlanAnswer } from '../../api/types.ts';
import { Cells } from '../../live/cells.ts';
import { words } from '../../words/findings.ts';

/** An image of the round with what it was made from. */
export interface Located {
  /** Of its audit. They renew addresses of images. */
  cells: Cells;
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
  const cellsOf = new Map<string, Cells>();
  const plans = await Promise.all(decided.plan.audits.map(readPlan));
  const all = plans.reduce((sum, { cells }) => sum + cells, 0);
  const audits: { plan: Plan; cells: Prediction[] }[] = [];
  let read = 0;
  for (const one of plans) {
    const cells = await readCells(one, (loaded) => progress(words.loading(read + loaded, all)));
    read += one.cells;
    audits.push({ plan: one, cells: Array.from({ length: one.cells }, (_, n) => cells.at(n)!) });
    cellsOf.set(one.id, cells);
  }
  const input = { ...rated, audits };
  const { describe } = materialOf(input);
  const located = new Map<string, Located>();
  for (const { plan: one, cells: predictions } of audits)
    for (const prediction of predictions)
      for (const image of prediction.images) {
        const model = describe(one, prediction.n)?.model ?? prediction.model;
        const cells = cellsOf.get(one.id)!;
        located.set(imageOf(one.id, prediction.n, image.index), { cells, prediction, image, model });
      }
  return { input, findings: findingsOf(input), located };
}

/** All predictions of an audit. What may succeed later is repeated. @throws {ApiError} */
const readCells = (plan: Plan, progress: (loaded: number) => void): Promise<Cells> =>
  new Promise((resolve, reject) => {
    const cells = new Cells(plan, (error) => isTemporary(error) || reject(error));
    cells.listen(() => {
      progress(cells.loaded);
      if (cells.loaded === plan.cells) resolve(cells);
    });
    cells.want('findings', []);
  });

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
