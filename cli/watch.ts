import { setTimeout } from 'node:timers/promises';
import type { AuditStatus, ImageCounts } from '../lib/contract/answers.ts';
import { addUp } from '../lib/contract/counted.ts';
import { count, describeCounts, describeNoPictures } from '../lib/contract/counts-in-words.ts';
import { formatDollars } from '../lib/money/price.ts';
import type { ApiClient } from './api-client.ts';
import type { Output } from './output.ts';
import { oneLine } from './output.ts';
import { createProgress } from './progress.ts';

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;
const GROWTH = 1.25;

/** Whether all predictions of an audit are finished. */
export const isOver = ({ counts }: AuditStatus): boolean => counts.waiting + counts.running === 0;

/** `72 images (besides 3 blank, 1 lost)` */
export function describeImages(images: ImageCounts): string {
  const others = describeNoPictures(images);
  return `${count(images.ok, 'image')}${others ? ` (besides ${others})` : ''}`;
}

/** `cost: $0.30 spent, $0.90 reserved for open predictions`; nothing for free models, and where no price was known. */
export const describeCost = ({ spent, reserved } = { spent: 0, reserved: 0 }): string[] =>
  spent + reserved === 0
    ? []
    : [
        `cost: ${formatDollars(spent)} spent${reserved > 0 ? `, ${formatDollars(reserved)} reserved for open predictions` : ''}`,
      ];

/** Why an audit waits, in one line, with Replicate's own words. */
export const describeWaiting = ({ why, detail }: NonNullable<AuditStatus['waiting']>): string => {
  const words = oneLine(detail, 200);
  if (why === 'rate limit')
    return `Replicate's rate limit is reached. The audit resumes automatically. (${words})`;
  if (why === 'credit')
    return `Replicate asks for credit. An operator has to add some; then the audit resumes. (${words})`;
  if (why === 'token')
    return `Replicate rejects the pipeline's token. An operator has to replace it; then the audit resumes. (${words})`;
  if (why === 'secret') return `A secret is missing. ${oneLine(detail, 400)}`;
  return `Waiting (${oneLine(why)}): ${words}`;
};

/** Audits whose statuses are read after one pause, so that a study of a hundred leaves the API to others. */
const EACH_ROUND = 10;

/** Shows an audit's progress until all predictions are finished. @returns the status at the end */
export async function watchAudit(client: ApiClient, audit: string, output: Output): Promise<AuditStatus> {
  const [status] = await watchAudits(client, [audit], output);
  // It was deleted: the API says so.
  return status ?? client.status(audit);
}

/**
 * Shows the progress of audits as that of one, until all predictions are finished.
 * @returns their statuses at the end, in the same order, without those that were deleted
 */
export async function watchAudits(
  client: ApiClient,
  audits: readonly string[],
  output: Output,
): Promise<AuditStatus[]> {
  // In the order of reading: those that were read longest ago come first.
  const statuses = new Map<string, AuditStatus>();
  const read = async (ids: readonly string[]) => {
    const found = await client.statuses(ids);
    for (const id of ids) statuses.delete(id);
    for (const status of found) statuses.set(status.id, status);
  };
  await read(audits);
  const open = () => [...statuses.values()].filter((status) => !isOver(status));
  if (open().length > 0)
    output.say(
      `The ${audits.length === 1 ? 'audit keeps' : 'audits keep'} running if you exit. Run the same command to resume watching.`,
    );
  const total = addUp(statuses.values()).predictions;
  const progress = createProgress(output);
  // Nothing is requested for an import.
  const isImport = [...statuses.values()].every(({ source }) => source === 'imported');
  const requested = isImport ? undefined : progress.row('requested', total);
  const finished = progress.row('finished', total);
  let why = '';
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, MAX_PAUSE_MS)) {
      const { predictions, counts, images } = addUp(statuses.values());
      const over = predictions - counts.waiting - counts.running;
      requested?.update(predictions - counts.waiting);
      const noPictures = images ? describeNoPictures(images) : '';
      const outcomes = `${describeCounts({ ...counts, running: 0, waiting: 0 })}${noPictures ? `; images: ${noPictures}` : ''}`;
      finished.update(over, over > 0 ? `(${outcomes})` : '');
      if (open().length === 0) return audits.flatMap((id) => statuses.get(id) ?? []);
      const waiting = open().find((status) => status.waiting)?.waiting;
      const reason = waiting ? describeWaiting(waiting) : '';
      if (reason !== why && reason) output.say(reason);
      why = reason;
      await setTimeout(pause);
      await read(
        open()
          .slice(0, EACH_ROUND)
          .map(({ id }) => id),
      );
    }
  } finally {
    progress.stop();
  }
}
