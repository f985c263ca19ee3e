import type { FaultRecord, Injected } from '../faults/record.ts';
import type { Made } from './replicate.ts';

/** A dispatcher that was killed so long after a create had not recorded it yet. */
const KILL_WINDOW_MS = 20_000;

/**
 * Why a cell was asked for again although a prediction had been made: what kept the dispatcher from knowing.
 * @returns undefined where nothing that was brought about explains it
 */
export function whyAskedAgain(
  faults: FaultRecord,
  audit: string,
  cell: number,
  before: Made,
  after: Made,
): string | undefined {
  const during = (entry: Injected) => entry.at >= before.createdAt - 1_000 && entry.at <= after.createdAt;
  const hits = (test: (entry: Injected) => boolean) =>
    faults.entries.find((entry) => during(entry) && test(entry));
  const binding = `audits/${audit}/dispatched/${String(cell).padStart(5, '0')}`;
  if (before.end?.status === 'aborted') return 'the first was aborted before it started';
  const answer = hits(
    ({ place, kind, subject }) => place === 'replicate' && subject === before.id && kind.includes('after it'),
  );
  if (answer) return `its answer: ${answer.kind}`;
  if (hits(({ place, by, subject }) => place === 's3' && by === 'dispatch' && subject.startsWith(binding)))
    return 'its record could not be written';
  if (
    hits(
      ({ place, subject, at }) =>
        place === 'function' && subject === 'dispatch' && at - before.createdAt < KILL_WINDOW_MS,
    )
  )
    return 'its dispatcher was killed';
  return undefined;
}

/** A message in a dead-letter queue. */
export interface DeadLetter {
  queue: string;
  body: string;
}

/** Deliveries of a message of cells before it is dead; attempts at an event. */
const DELIVERIES = { cells: 5, event: 3 };

/**
 * Why a letter is dead: its function was killed, or met faults with this key or range, as often as it was tried.
 * @returns what it was about, and why; `why` is undefined where nothing that was brought about explains it
 */
export function whyDead(faults: FaultRecord, { queue, body }: DeadLetter): { what: string; why?: string } {
  const name = /-([a-z]+)-dead$/.exec(queue)?.[1] ?? queue;
  const message = JSON.parse(body);
  if (name === 'cells') {
    const what = `cells ${message.from} to ${message.to}`;
    const met = faults.entries.filter(
      ({ place, subject, by }) =>
        place === 'replicate' || by === 'dispatch' || (place === 'function' && subject === 'dispatch'),
    ).length;
    return met >= DELIVERIES.cells ? { what, why: `${met} faults met dispatch` } : { what };
  }
  const key: string = message.requestPayload?.detail?.object?.key ?? name;
  const reason: string = message.responsePayload?.errorMessage ?? 'no reason given';
  const met = faults.entries.filter(
    ({ place, subject, by }) =>
      (place === 's3' && by === name && (name === 'reconcile' || subject === key)) ||
      (place === 'function' && subject === name),
  ).length;
  const tries = name === 'reconcile' ? 1 : DELIVERIES.event;
  return met >= tries
    ? { what: key, why: `${met} faults, the last: ${reason.slice(0, 120)}` }
    : { what: key };
}
