import { ApiError, isPassing, readPlan, readStatus } from '../api/client.ts';
import type { AuditStatus, Plan } from '../api/types.ts';
import type { Mark } from '../model/estimate.ts';
import { Cells } from './cells.ts';
import { nextPoll } from './pace.ts';
import { type Signal, signal } from './signal.ts';

const MARKS = 200;

/** An audit that is looked at: its plan, how it stands, its cells, kept up to date. */
export interface LiveAudit {
  plan: Plan;
  cells: Cells;
  status: Signal<AuditStatus>;
  /** Progress as it was seen, for telling the time left. */
  marks: readonly Mark[];
  /** What is in the way at the moment, as a sentence. */
  problem: Signal<string | undefined>;
  /** Asks now, for example after a cancellation. */
  poll(): void;
  close(): void;
}

export const endedOf = ({ counts }: AuditStatus): number =>
  counts.succeeded + counts.failed + counts.refused + counts.canceled;

/**
 * Opens an audit and follows it until it is over.
 * @throws {ApiError} where there is no such audit or no answer
 */
export async function openAudit(id: string): Promise<LiveAudit> {
  const [plan, first] = await Promise.all([readPlan(id), readStatus(id)]);
  const status = signal(first);
  const problem = signal<string | undefined>(undefined);
  const cells = new Cells(plan, (error) => problem.set(sentenceOf(error)));
  const marks: Mark[] = [{ at: Date.now(), ended: endedOf(first) }];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let quiet = 0;
  let failures = 0;
  let closed = false;

  const schedule = () => {
    clearTimeout(timer);
    if (closed) return;
    const { counts, manifest } = status.value;
    const running = counts.waiting + counts.running > 0;
    const wait = nextPoll({
      open: running || !manifest || cells.hasOpen || problem.value !== undefined,
      onlyManifest: !running && !cells.hasOpen,
      hidden: document.hidden,
      quiet,
      failures,
    });
    if (wait !== undefined) timer = setTimeout(poll, wait);
  };

  const poll = async () => {
    clearTimeout(timer);
    try {
      const now = await readStatus(id);
      const changed = JSON.stringify(now) !== JSON.stringify(status.value);
      quiet = changed ? 0 : quiet + 1;
      failures = 0;
      problem.set(undefined);
      status.set(now);
      marks.push({ at: Date.now(), ended: endedOf(now) });
      if (marks.length > MARKS) marks.shift();
      if (changed || cells.hasOpen) cells.refresh();
    } catch (error) {
      failures++;
      problem.set(sentenceOf(error));
      if (!isPassing(error)) return;
    }
    schedule();
  };

  // A page that is looked at again, or is online again, is up to date at once.
  const wake = () => {
    if (document.hidden) schedule();
    else poll();
  };
  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  schedule();
  return {
    plan,
    cells,
    status,
    marks,
    problem,
    poll,
    close() {
      closed = true;
      clearTimeout(timer);
      cells.close();
      document.removeEventListener('visibilitychange', wake);
      removeEventListener('online', wake);
    },
  };
}

export const sentenceOf = (error: unknown): string =>
  error instanceof ApiError
    ? error.message
    : `The page met an error it does not know: ${error instanceof Error ? error.message : String(error)} Reload it; if it stays, tell an operator.`;
