import { ApiError, isTemporary, readPlan, readStatus, readStudy } from '../api/client.ts';
import type { AuditStatus, Study } from '../api/types.ts';
import { type Comparable, comparableOf } from '../model/common.ts';
import { sentenceOf } from './audit.ts';
import { nextPoll } from './pace.ts';
import { type Signal, signal } from './signal.ts';

/** Statuses that one poll reads, and plans that are read at a time: a study may have a hundred audits. */
const AT_ONCE = 4;
/** A study that others add to is read again so often while it is open. */
const STUDY_MS = 60_000;
/** Prompts that are kept to be compared across audits. */
export const MOST_PROMPTS = 20_000;
const SHOWN = 5;

/** The prompts of an audit, as a section shows them. */
export interface PromptsOf {
  count: number;
  first: string[];
  /** Undefined beyond `MOST_PROMPTS` of the study. */
  comparable: Comparable | undefined;
}

/** An open study, kept up to date. */
export interface LiveStudy {
  study: Signal<Study>;
  /** Statuses of audits whose manifest was not written when the study was read, by id. */
  statuses: Signal<ReadonlyMap<string, AuditStatus>>;
  prompts: Signal<ReadonlyMap<string, PromptsOf>>;
  /** Why the page is not up to date, as a sentence. */
  problem: Signal<string | undefined>;
  /** Reads the study again, for example after an audit was taken out. */
  poll(): void;
  close(): void;
}

/**
 * Opens a study. Each poll reads the statuses of a few audits that are not finished, those first that were read longest ago.
 * Plans never change and are read once, behind the statuses.
 * @throws {ApiError} if the study does not exist or no answer arrives
 */
export async function openStudy(id: string): Promise<LiveStudy> {
  const study = signal(await readStudy(id));
  // In the order of reading.
  const statuses = signal<ReadonlyMap<string, AuditStatus>>(new Map());
  const prompts = signal<ReadonlyMap<string, PromptsOf>>(new Map());
  const problem = signal<string | undefined>(undefined);
  let readAt = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let [quiet, failures] = [0, 0];
  let closed = false;

  const unfinished = () =>
    study.value.audits.filter((audit) => !audit.finished && !statuses.value.get(audit.id)?.manifest);
  /** Those that were never read come first. */
  const next = () => {
    const order = [...statuses.value.keys()];
    return unfinished()
      .toSorted((one, other) => order.indexOf(one.id) - order.indexOf(other.id))
      .slice(0, AT_ONCE)
      .map((audit) => audit.id);
  };

  const schedule = () => {
    clearTimeout(timer);
    if (closed) return;
    const open = unfinished();
    const wait = nextPoll({
      open: open.length > 0 || problem.value !== undefined,
      onlyManifest: false,
      hidden: document.hidden,
      quiet,
      failures,
    });
    const isFirstLook = failures === 0 && open.some((audit) => !statuses.value.has(audit.id));
    if (wait !== undefined) timer = setTimeout(poll, isFirstLook ? 0 : wait);
  };

  const readStatuses = async () => {
    const ids = next();
    // Undefined for one that was deleted meanwhile.
    const found = await Promise.all(ids.map((audit) => readStatus(audit).catch(ofDeleted)));
    const before = statuses.value;
    const after = new Map([...before].filter(([audit]) => !ids.includes(audit)));
    for (const status of found) if (status) after.set(status.id, status);
    if (found.includes(undefined)) readAt = 0;
    const changed = found.some(
      (status) => !status || JSON.stringify(status) !== JSON.stringify(before.get(status.id)),
    );
    quiet = changed ? 0 : quiet + 1;
    statuses.set(after);
  };

  const poll = async () => {
    clearTimeout(timer);
    try {
      if (Date.now() - readAt > STUDY_MS) {
        study.set(await readStudy(id));
        readAt = Date.now();
      }
      await readStatuses();
      failures = 0;
      problem.set(undefined);
      if (unfinished().every((audit) => statuses.value.has(audit.id))) void readPrompts();
    } catch (error) {
      failures++;
      problem.set(sentenceOf(error, true));
      if (!isTemporary(error)) return;
    }
    schedule();
  };

  let reading = false;
  const readPrompts = async () => {
    if (reading) return;
    reading = true;
    const left = study.value.audits.filter((audit) => !prompts.value.has(audit.id)).values();
    const worker = async () => {
      for (const audit of left) {
        if (closed) return;
        const plan = await readPlan(audit.id).catch(ofDeleted);
        if (!plan) continue;
        const comparable = comparableOf(plan);
        const { texts } = comparable;
        const kept = [...prompts.value.values()].reduce(
          (sum, one) => sum + (one.comparable?.texts.length ?? 0),
          0,
        );
        prompts.set(
          new Map(prompts.value).set(audit.id, {
            count: texts.length,
            first: texts.slice(0, SHOWN),
            comparable: kept + texts.length > MOST_PROMPTS ? undefined : comparable,
          }),
        );
      }
    };
    // What is not there yet is read with a later poll; what fails is missing and nothing else.
    await Promise.all(Array.from({ length: AT_ONCE }, () => worker().catch(() => {})));
    reading = false;
  };

  const again = () => {
    readAt = 0;
    void poll();
  };
  const wake = () => {
    if (document.hidden) schedule();
    else void poll();
  };
  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  void poll();
  return {
    ...{ study, statuses, prompts, problem },
    poll: again,
    close() {
      closed = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', wake);
      removeEventListener('online', wake);
    },
  };
}

function ofDeleted(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}
