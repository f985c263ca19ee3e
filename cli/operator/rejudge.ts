import { DECODER_VERSION, dependsOnMachine, wordsFor } from '../../lib/images/verdict.ts';
import type { ObjectStore, Time } from '../../lib/ports.ts';
import type { Judgement, Judgements } from '../../lib/records/judgement.ts';
import { deletedKey, imageKey, isAuditId, renditionKey } from '../../lib/records/keys.ts';
import { readPlan } from '../../lib/records/plan.ts';
import { CommandError, EXIT } from '../exit.ts';
import { count, oneLine } from '../output.ts';
import type { Progress } from '../progress.ts';
import { forgetMachine } from './judgement.ts';
import { type CellToJudge, isDecoded, judgeCells, listImages, readJudged } from './judging.ts';
import { readPurged } from './purged.ts';

/** What there is to do. */
export interface RejudgePlan {
  audit: string;
  /** Cells of the audit. */
  cells: number;
  /** Stored images, without those that were purged. */
  images: number;
  /** Of these, images that the present decoder has not judged, or whose rendition is missing. */
  toJudge: number;
}

/** What became of it. */
export interface Rejudged {
  audit: string;
  /** Version of the decoder. */
  decoder: number;
  judged: number;
  /** Renditions that were made. */
  renditions: number;
  /** Images that were quarantined and are ok now. */
  shown: string[];
  /** Images that were ok and are quarantined now, and why. */
  quarantined: { key: string; reason: string }[];
  /** Images whose prediction has no result. */
  unfinished: number;
  /** Images that are still not judged, because `tag` gave no answer. */
  unanswered: number;
  /** Of these, images without any judgement. */
  unjudged: number;
}

/** A cell with what is known of it; `indexes` are those to judge. */
interface KnownCell extends CellToJudge {
  /** Images that it has. */
  stored: number;
  before: Judgements;
  renditions: ReadonlySet<string>;
}

/** Cells that are looked up by one LIST each of images, judgements and renditions: memory does not grow with the audit. */
const CELLS_A_STEP = 500;
/**
 * US dollars for an image of 1 megapixel that is the only one of its cell: nine writes and LISTs (tags of the result,
 * rendition, record, the cell's images and records, and four LISTs of this command), twelve reads, two events, and 0.3 GB-s of Lambda's time
 * (`npm run bench -- cost`).
 */
const DOLLARS_AN_IMAGE = 0.055 / 1_000;
const MAX_ROWS = 100;

/**
 * Counts the images of an audit that `tag` has to judge again. Writes nothing.
 * @throws {CommandError} if there is no such audit
 */
export async function findRejudge(
  images: ObjectStore,
  audit: string,
  progress: Progress,
): Promise<RejudgePlan> {
  const plan = isAuditId(audit) ? await readPlan(images, audit) : undefined;
  if (!plan || (await images.exists(deletedKey(audit))))
    throw new CommandError(
      EXIT.refused,
      `There is no audit ${oneLine(audit, 40)} in ${images.bucket}, or it was deleted.`,
    );
  const found = { audit, cells: plan.cells, images: 0, toJudge: 0 };
  const row = progress.row('found', 0);
  for await (const { stored, indexes } of judgedCells(images, found)) {
    found.images += stored;
    found.toJudge += indexes.length;
    row.update(found.images);
  }
  return found;
}

/** Has `tag` judge what `findRejudge` counted, and waits until it has. It can be stopped and run again at any time. */
export async function carryOutRejudge(
  images: ObjectStore,
  plan: RejudgePlan,
  progress: Progress,
  time?: Time,
): Promise<Rejudged> {
  const { audit } = plan;
  const done: Rejudged = {
    ...{ audit, decoder: DECODER_VERSION, judged: 0, renditions: 0 },
    ...{ shown: [], quarantined: [], unfinished: 0, unanswered: 0, unjudged: 0 },
  };
  const row = progress.row('judged', plan.toJudge);
  const known = new Map<number, KnownCell>();
  const cells = async function* () {
    for await (const cell of judgedCells(images, plan)) {
      if (cell.indexes.length === 0) continue;
      await forgetMachine(images, audit, cell.cell, cell.indexes);
      known.set(cell.cell, cell);
      yield cell;
    }
  };
  const onDone = ({ cell, indexes }: CellToJudge, found: Judgements) => {
    const { before, renditions } = known.get(cell)!;
    known.delete(cell);
    for (const index of indexes) {
      const key = imageKey(audit, cell, index);
      const now = found.get(index)!;
      const was = before.get(index)?.status;
      done.judged++;
      if (now.status === 'ok' && isPresent(now, true) && !renditions.has(renditionKey(audit, cell, index)))
        done.renditions++;
      if (was === 'quarantined' && now.status === 'ok') done.shown.push(key);
      if (was === 'ok' && now.status === 'quarantined') done.quarantined.push({ key, reason: reasonOf(now) });
    }
    row.update(done.judged);
  };
  const { unanswered, unfinished } = await judgeCells(images, audit, cells(), {
    isDone: isPresent,
    onDone,
    ...(time && { time }),
  });
  done.unfinished = unfinished.reduce((sum, { indexes }) => sum + indexes.length, 0);
  if (unanswered.length > 0) {
    done.unanswered = plan.toJudge - done.judged - done.unfinished;
    const skipped = new Set(unfinished.map(({ cell }) => cell));
    for await (const { cell, indexes, before } of judgedCells(images, plan))
      if (!skipped.has(cell)) done.unjudged += indexes.filter((index) => !before.has(index)).length;
  }
  return done;
}

/** Whether an image is as the present decoder leaves it. */
const isPresent = (judgement: Judgement | undefined, hasRendition: boolean): boolean =>
  isDecoded(judgement, hasRendition, DECODER_VERSION);

const reasonOf = ({ format, decoded }: Judgement): string =>
  wordsFor(format, decoded?.reason) ?? 'quarantined';

/** All cells with images, in their order. */
async function* judgedCells(
  images: ObjectStore,
  { audit, cells }: Pick<RejudgePlan, 'audit' | 'cells'>,
): AsyncGenerator<KnownCell> {
  const { keys: purged } = await readPurged(images, audit);
  for (let from = 0; from < cells; from += CELLS_A_STEP) {
    const to = from + CELLS_A_STEP - 1;
    const stored = await listImages(images, audit, from, to);
    const { judgements, renditions } = await readJudged(images, audit, from, to);
    for (const [cell, all] of stored) {
      const existing = all.filter((index) => !purged.has(imageKey(audit, cell, index)));
      const before: Judgements = judgements.get(cell) ?? new Map();
      const indexes = existing.filter((index) => {
        const judgement = before.get(index);
        const hasRendition = renditions.has(renditionKey(audit, cell, index));
        return !isPresent(judgement, hasRendition) || dependsOnMachine(judgement?.decoded?.reason);
      });
      yield { cell, stored: existing.length, indexes, before, renditions };
    }
  }
}

/** What would be done, and what it costs. */
export function describeRejudgePlan({ images, toJudge }: RejudgePlan): string {
  const dollars = Math.max(0.01, toJudge * DOLLARS_AN_IMAGE).toFixed(2);
  return `${toJudge.toLocaleString('en')} of ${count(images, 'image')} ${toJudge === 1 ? 'needs' : 'need'} the present decoder (version ${DECODER_VERSION}): about $${dollars} for Lambda and S3.`;
}

/** What became of the images that `tag` gave no answer about. */
export function describeUnanswered({ unanswered, unjudged }: Rejudged): string {
  const kept = unanswered - unjudged;
  return [
    ...(kept > 0 ? [`${count(kept, 'image keeps its', 'images keep their')} older judgement.`] : []),
    ...(unjudged > 0
      ? [`${count(unjudged, 'image has', 'images have')} no judgement until you run the same command again.`]
      : []),
    'If the deployment is older than this program, deploy it first.',
  ].join(' ');
}

/** What changed, image by image where something that people see has changed. */
export function describeRejudged(done: Rejudged): string {
  const { judged, renditions, shown, quarantined, unfinished } = done;
  const list = (lines: string[]) => [
    ...lines.slice(0, MAX_ROWS).map((line) => `  ${line}`),
    ...(lines.length > MAX_ROWS ? [`  … and ${lines.length - MAX_ROWS} more; --json lists all`] : []),
  ];
  const were = (keys: readonly unknown[]) =>
    keys.length === 1 ? '1 image was' : `${keys.length.toLocaleString('en')} images were`;
  const are = (keys: readonly unknown[]) => (keys.length === 1 ? 'is' : 'are');
  return [
    `${count(judged, 'image')} judged, ${count(renditions, 'rendition')} made.`,
    ...(shown.length > 0 ? [`${were(shown)} quarantined and ${are(shown)} shown now:`, ...list(shown)] : []),
    ...(quarantined.length > 0
      ? [
          `${were(quarantined)} shown and ${are(quarantined)} quarantined now:`,
          ...list(quarantined.map(({ key, reason }) => `${key} (${reason})`)),
        ]
      : []),
    ...(unfinished > 0
      ? [
          `${count(unfinished, 'image')} of predictions that have not finished: tag judges them when they have.`,
        ]
      : []),
    ...(judged > 0 && shown.length + quarantined.length === 0 ? ['No image changed its status.'] : []),
  ].join('\n');
}
