import type { DeadLetter } from '../../ledger/facts.ts';
import type { FaultRecord, Injected } from '../faults/record.ts';
import type { Made } from './replicate.ts';

/** A dispatcher that is killed so soon after a create may not have recorded it yet. */
const KILL_WINDOW_MS = 30_000;
/** What a dispatcher sent before it was killed can arrive after the kill, on a busy machine many seconds after it. */
const KILL_LAG_MS = 30_000;

/**
 * Why a cell has a second prediction: the fault that kept the dispatcher from knowing the first.
 * @returns undefined if no injected fault explains it
 */
export function whyAskedAgain(
  faults: FaultRecord,
  audit: string,
  before: Made,
  after: Made,
): string | undefined {
  const during = (entry: Injected) => entry.at >= before.createdAt - 1_000 && entry.at <= after.createdAt;
  const hits = (test: (entry: Injected) => boolean) =>
    faults.entries.find((entry) => during(entry) && test(entry));
  const binding = `audits/${audit}/dispatched/${String(before.cell).padStart(5, '0')}`;
  const answer = hits(
    ({ place, kind, subject }) => place === 'replicate' && subject === before.id && kind.includes('after it'),
  );
  if (answer) return `its answer: ${answer.kind}`;
  if (hits(({ place, by, subject }) => place === 's3' && by === 'dispatch' && subject.startsWith(binding)))
    return 'its record could not be written';
  const killed = faults.entries.some(
    ({ place, subject, at }) =>
      place === 'function' &&
      subject === 'dispatch' &&
      at >= before.createdAt - KILL_LAG_MS &&
      at < Math.min(before.createdAt + KILL_WINDOW_MS, after.createdAt + KILL_LAG_MS),
  );
  return killed ? 'its dispatcher was killed' : undefined;
}

/** A message in a dead-letter queue. */
export interface Letter {
  queue: string;
  body: string;
}

/** Deliveries before a message, or an event, becomes a dead letter. */
const DELIVERIES = { message: 5, event: 3 };
/** Queues of messages, and the functions that read them. */
const READERS = new Map([
  ['cells', 'dispatch'],
  ['polls', 'poll'],
]);

/**
 * Why there is a dead letter: on each delivery its function was killed, or S3 failed for this object.
 * @returns what the letter is about, and why it is there; undefined if no injected faults explain it
 */
export function whyDead(faults: FaultRecord, { queue, body }: Letter): DeadLetter {
  const name = /-([a-z]+)-dead$/.exec(queue)?.[1] ?? queue;
  const message = JSON.parse(body);
  const reader = READERS.get(name);
  if (reader) {
    const what = `${name} ${message.from} to ${message.to}`;
    const kills = killsOf(faults, reader);
    const met = faults.entries.filter(
      ({ place, kind, subject, by }) =>
        (place === 'replicate' && /500|429|cut/.test(kind)) || (by === reader && isOfRange(subject, message)),
    ).length;
    return kills + met >= DELIVERIES.message
      ? { what, why: `${DELIVERIES.message} deliveries met kills of ${reader}, S3 or Replicate` }
      : { what, why: undefined };
  }
  const key: string = message.requestPayload?.detail?.object?.key ?? name;
  const reason: string = message.responsePayload?.errorMessage ?? 'no reason given';
  const kills = killsOf(faults, name);
  const isAbout = name === 'tag' ? isOfCell : (subject: string) => subject === key;
  const met = faults.entries.filter(
    ({ place, subject, by }) =>
      place === 's3' && by === name && (name === 'reconcile' || isAbout(subject, key)),
  ).length;
  if (kills + met < (name === 'reconcile' ? 1 : DELIVERIES.event)) return { what: key, why: undefined };
  return { what: key, why: /killed/.test(reason) ? 'killed' : `S3: ${reason.slice(0, 60)}` };
}

const killsOf = ({ entries }: FaultRecord, name: string) =>
  entries.filter(({ place, subject }) => place === 'function' && subject === name).length;

/** The result itself, an image of its cell, its rendition or judgement, or a tombstone that `tag` looks for. */
function isOfCell(subject: string, result: string): boolean {
  const [, audit, cell] = /^audits\/([^/]+)\/results\/(\d{5})\.json$/.exec(result) ?? [];
  return (
    subject === result ||
    subject === `deleted/${audit}` ||
    ['images', 'renditions', 'purged'].some((folder) => subject.startsWith(`${folder}/${audit}/${cell}/`)) ||
    subject.startsWith(`audits/${audit}/judged/${cell}/`)
  );
}

/** A key of a cell in the range, or of the whole audit. */
function isOfRange(subject: string, { from, to }: { from: number; to: number }): boolean {
  const cell = /\/(\d{5})\b/.exec(subject)?.[1];
  return cell === undefined || (Number(cell) >= from && Number(cell) <= to);
}
