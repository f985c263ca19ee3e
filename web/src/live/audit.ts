import { ApiError, isTemporary, NoAnswer, readPlan, readStatus } from '../api/client.ts';
import type { AuditStatus, Plan } from '../api/types.ts';
import type { Mark } from '../model/estimate.ts';
import { words } from '../words/app.ts';
import { Cells } from './cells.ts';
import { nextPoll } from './pace.ts';
import { type Signal, signal } from './signal.ts';

const MARKS = 200;

/** An open audit: its plan, its status and its cells, kept up to date. */
export interface LiveAudit {
  plan: Plan;
  cells: Cells;
  status: Signal<AuditStatus>;
  /** Progress over time, from which the time left is estimated. */
  marks: readonly Mark[];
  /** Why the page is not up to date, as a sentence. */
  problem: Signal<string | undefined>;
  /** Polls now, for example after the audit was canceled. */
  poll(): void;
  close(): void;
}

const finishedOf = ({ counts }: AuditStatus): number =>
  counts.succeeded + counts.failed + counts.refused + counts.canceled;

/**
 * Opens an audit and polls it until it is finished.
 * @throws {ApiError} if the audit does not exist or no answer arrives
 */
export async function openAudit(id: string): Promise<LiveAudit> {
  const [plan, first] = await Promise.all([readPlan(id), readStatus(id)]);
  const status = signal(first);
  const problem = signal<string | undefined>(undefined);
  const cells = new Cells(plan, (error) => problem.set(sentenceOf(error, true)));
  const marks: Mark[] = [{ at: Date.now(), finished: finishedOf(first) }];
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
      marks.push({ at: Date.now(), finished: finishedOf(now) });
      if (marks.length > MARKS) marks.shift();
      if (changed || cells.hasOpen) cells.refresh();
    } catch (error) {
      failures++;
      problem.set(sentenceOf(error, true));
      if (!isTemporary(error)) return;
    }
    schedule();
  };

  // A page that becomes visible or online again polls at once.
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

/**
 * An error as a sentence for the person at the page.
 * @param retrying whether the page retries by itself
 */
export function sentenceOf(error: unknown, retrying = false): string {
  if (error instanceof NoAnswer)
    return retrying ? words.retriesItself(error.message) : words.retryYourself(error.message);
  if (error instanceof ApiError) return error.message;
  const what = error instanceof Error ? error.message : String(error);
  return words.unexpectedError(what);
}
