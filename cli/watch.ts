import { setTimeout } from 'node:timers/promises';
import type { ApiClient, AuditStatus } from './api-client.ts';
import type { Output } from './output.ts';
import { oneLine } from './output.ts';
import { createProgress } from './progress.ts';

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;
const GROWTH = 1.25;

/** Whether nothing of an audit waits or runs any more. */
export const isOver = ({ counts }: AuditStatus): boolean => counts.waiting + counts.running === 0;

/** `60 succeeded, 2 refused`: what there is of each kind. */
export const describeCounts = (counts: AuditStatus['counts']): string =>
  (['succeeded', 'refused', 'failed', 'canceled', 'running', 'waiting'] as const)
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${counts[kind]} ${kind}`)
    .join(', ') || 'nothing yet';

/** Shows an audit's progress until all its predictions have ended, and how it then stands. */
export async function watchAudit(client: ApiClient, audit: string, output: Output): Promise<AuditStatus> {
  let status = await client.status(audit);
  const total = status.predictions;
  const progress = createProgress(output);
  const asked = progress.row('asked', total);
  const ended = progress.row('ended', total);
  let why = '';
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, MAX_PAUSE_MS)) {
      const { counts, waiting } = status;
      const over = total - counts.waiting - counts.running;
      asked.update(total - counts.waiting);
      ended.update(over, over > 0 ? `(${describeCounts({ ...counts, running: 0, waiting: 0 })})` : '');
      if (isOver(status)) return status;
      const reason = waiting ? `It waits (${waiting.why}): ${oneLine(waiting.detail, 200)}` : '';
      if (reason !== why && reason) output.say(reason);
      why = reason;
      await setTimeout(pause);
      status = await client.status(audit);
    }
  } finally {
    progress.stop();
  }
}
