import { createHash, randomUUID } from 'node:crypto';
import { Database } from '@weaudit/sqlite';

export interface QueueSettings {
  name: string;
  /** How long a received message stays hidden, in seconds. */
  visibilitySeconds: number;
  /** Delay of every message that does not bring its own, in seconds. */
  delaySeconds: number;
  redrive?: { deadLetterQueue: string; maxReceiveCount: number } | undefined;
}

/** SQS message attributes, kept as they came. */
export type MessageAttributes = Record<
  string,
  { DataType: string; StringValue?: string; BinaryValue?: string }
>;

export interface SendOptions {
  delaySeconds?: number | undefined;
  attributes?: MessageAttributes | undefined;
  /** The sender's trace header. */
  trace?: string | undefined;
}

export interface ReceivedMessage {
  messageId: string;
  receiptHandle: string;
  body: string;
  bodyMd5: string;
  attributes: MessageAttributes;
  /** How often it was received, this time included. */
  receiveCount: number;
  /** Milliseconds since 1970. */
  sentAt: number;
  firstReceivedAt: number;
  /** The queue it was moved here from, when this is a dead-letter queue. */
  movedFrom: string | undefined;
  /** SQS's attribute `AWSTraceHeader`. */
  trace: string | undefined;
}

export interface QueueCounts {
  visible: number;
  inFlight: number;
  delayed: number;
}

export interface ReceiveOptions {
  max?: number | undefined;
  visibilitySeconds?: number | undefined;
  /** Long polling: how long to wait for a first message, in seconds. */
  waitSeconds?: number | undefined;
  /** Ends the wait early. */
  signal?: AbortSignal | undefined;
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS messages (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  attributes TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  available_at INTEGER NOT NULL,
  receipt TEXT,
  receives INTEGER NOT NULL DEFAULT 0,
  first_received_at INTEGER,
  moved_from TEXT,
  trace TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS by_availability ON messages (queue, available_at, sequence);
CREATE INDEX IF NOT EXISTS by_receipt ON messages (receipt);
`;

interface Row {
  sequence: number;
  queue: string;
  id: string;
  body: string;
  attributes: string;
  sent_at: number;
  receives: number;
  first_received_at: number | null;
  moved_from: string | null;
  trace: string | null;
}

/** A waiting receiver checks again after this time, in case the clock was changed. */
const LONGEST_NAP_MS = 5_000;

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/**
 * Opens the queues in one SQLite file. Every change is in the file's write-ahead log before the call returns, so that
 * killing the process loses no message and repeats none beyond what a visibility timeout repeats anyway. The clock is
 * passed in (milliseconds since 1970).
 */
export function openQueueStore(file: string, now: () => number = Date.now) {
  // Exclusive: two clouds on one folder would share messages. The lock ends with the process.
  const database = new Database(file, SCHEMA, { exclusive: true });
  const sql = (text: string) => database.sql(text);
  // Files of earlier versions lack the column.
  if (!sql("SELECT 1 FROM pragma_table_info('messages') WHERE name = 'trace'").get())
    database.exec('ALTER TABLE messages ADD COLUMN trace TEXT');
  /** Runs several changes as one: after a kill all of them are there, or none. */
  const transaction = <T>(work: () => T): T => database.transaction(work);
  // The receivers of the last process are gone. That is not their failure, so their messages are visible at once and
  // the interrupted receive does not count towards the dead-letter queue.
  sql(
    'UPDATE messages SET available_at = ?1, receives = receives - 1, receipt = NULL WHERE receipt IS NOT NULL AND available_at > ?1',
  ).run(now());
  const queues = new Map<string, QueueSettings>();
  const waiters = new Map<string, Set<() => void>>();
  let closed = false;

  function known(queue: string): QueueSettings {
    const settings = queues.get(queue);
    if (settings === undefined) throw new Error(`There is no queue named ${queue}.`);
    return settings;
  }

  function wake(queue: string): void {
    for (const waiter of waiters.get(queue) ?? []) waiter();
  }

  /** Moves a message to the dead-letter queue of its queue. @returns the name of that, if there is one */
  function moveToDead({ queue, sequence }: Pick<Row, 'queue' | 'sequence'>): string | undefined {
    const dead = known(queue).redrive?.deadLetterQueue;
    if (dead === undefined || !queues.has(dead)) return undefined;
    sql(
      'UPDATE messages SET queue = ?, available_at = ?, receipt = NULL, moved_from = ? WHERE sequence = ?',
    ).run(dead, now(), queue, sequence);
    return dead;
  }

  function take(queue: string, max: number, visibilitySeconds: number): ReceivedMessage[] {
    const { redrive } = known(queue);
    const time = now();
    const woken: string[] = [];
    const taken = transaction(() => {
      const result: ReceivedMessage[] = [];
      while (result.length < max) {
        const row = sql(
          'SELECT * FROM messages WHERE queue = ? AND available_at <= ? ORDER BY available_at, sequence LIMIT 1',
        ).get(queue, time) as Row | undefined;
        if (row === undefined) break;
        if (redrive !== undefined && row.receives >= redrive.maxReceiveCount) {
          const dead = moveToDead(row);
          if (dead !== undefined) {
            woken.push(dead);
            continue;
          }
        }
        const receiptHandle = randomUUID();
        const firstReceivedAt = row.first_received_at ?? time;
        // A message received with visibility 0 stays visible: one millisecond keeps this loop from taking it twice.
        const availableAt = time + Math.max(1, visibilitySeconds * 1000);
        sql(
          'UPDATE messages SET available_at = ?, receipt = ?, receives = receives + 1, first_received_at = ? WHERE sequence = ?',
        ).run(availableAt, receiptHandle, firstReceivedAt, row.sequence);
        result.push({
          messageId: row.id,
          receiptHandle,
          body: row.body,
          bodyMd5: md5(row.body),
          attributes: JSON.parse(row.attributes) as MessageAttributes,
          receiveCount: row.receives + 1,
          sentAt: row.sent_at,
          firstReceivedAt,
          movedFrom: row.moved_from ?? undefined,
          trace: row.trace ?? undefined,
        });
      }
      return result;
    });
    for (const name of woken) wake(name);
    return taken;
  }

  /** Waits until a message is sent, the next one becomes visible, the time is over or the signal aborts. */
  function nap(queue: string, until: number, signal: AbortSignal | undefined): Promise<void> {
    const next = sql('SELECT MIN(available_at) AS at FROM messages WHERE queue = ?').get(queue) as {
      at: number | null;
    };
    const time = now();
    const wakeAt = Math.min(until, next.at ?? until, time + LONGEST_NAP_MS);
    return new Promise((resolve) => {
      const mine = waiters.get(queue) ?? new Set();
      waiters.set(queue, mine);
      const done = () => {
        clearTimeout(timer);
        mine.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, wakeAt - time));
      mine.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  return {
    transaction,
    /** Creates the queue or changes its settings; its messages stay. */
    configure(settings: QueueSettings): void {
      queues.set(settings.name, settings);
    },
    settings: (queue: string) => queues.get(queue),
    names: () => [...queues.keys()].sort(),
    send(queue: string, body: string, options: SendOptions = {}) {
      const delaySeconds = options.delaySeconds ?? known(queue).delaySeconds;
      const messageId = randomUUID();
      const time = now();
      sql(
        'INSERT INTO messages (queue, id, body, attributes, sent_at, available_at, trace) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ).run(
        queue,
        messageId,
        body,
        JSON.stringify(options.attributes ?? {}),
        time,
        time + delaySeconds * 1000,
        options.trace ?? null,
      );
      // Receivers continue in a microtask, so inside a transaction they see what was committed.
      wake(queue);
      return { messageId, bodyMd5: md5(body) };
    },
    async receive(queue: string, options: ReceiveOptions = {}): Promise<ReceivedMessage[]> {
      const settings = known(queue);
      const until = now() + (options.waitSeconds ?? 0) * 1000;
      for (;;) {
        if (closed || options.signal?.aborted) return [];
        const messages = take(
          queue,
          options.max ?? 1,
          options.visibilitySeconds ?? settings.visibilitySeconds,
        );
        if (messages.length > 0 || now() >= until) return messages;
        await nap(queue, until, options.signal);
      }
    },
    /** False if the handle is unknown, which SQS answers like a success. */
    remove(queue: string, receiptHandle: string): boolean {
      return (
        sql('DELETE FROM messages WHERE queue = ? AND receipt = ?').run(queue, receiptHandle).changes > 0
      );
    },
    /** Gives up a received message: it becomes a dead letter. False if its queue has no dead-letter queue. */
    bury(queue: string, receiptHandle: string): boolean {
      const row = sql('SELECT * FROM messages WHERE queue = ? AND receipt = ?').get(queue, receiptHandle);
      const dead = row && moveToDead(row as unknown as Row);
      if (dead !== undefined) wake(dead);
      return dead !== undefined;
    },
    /** False if the message is not in flight. */
    changeVisibility(queue: string, receiptHandle: string, seconds: number): boolean {
      const time = now();
      const { changes } = sql(
        'UPDATE messages SET available_at = ? WHERE queue = ? AND receipt = ? AND available_at > ?',
      ).run(time + Math.round(seconds * 1000), queue, receiptHandle, time);
      if (changes > 0) wake(queue);
      return changes > 0;
    },
    /** Here they are exact; SQS calls them approximate. */
    counts(queue: string): QueueCounts {
      known(queue);
      const row = sql(
        `SELECT COALESCE(SUM(available_at <= $now), 0) AS visible,
                COALESCE(SUM(available_at > $now AND receipt IS NOT NULL), 0) AS inFlight,
                COALESCE(SUM(available_at > $now AND receipt IS NULL), 0) AS delayed
         FROM messages WHERE queue = $queue`,
      ).get({ $now: now(), $queue: queue });
      return { ...(row as unknown as QueueCounts) };
    },
    /** Every message of a queue without receiving it, oldest first. */
    peek(queue: string) {
      const rows = sql('SELECT * FROM messages WHERE queue = ? ORDER BY sequence').all(
        queue,
      ) as unknown as Row[];
      return rows.map((row) => ({
        messageId: row.id,
        body: row.body,
        attributes: JSON.parse(row.attributes) as MessageAttributes,
        receiveCount: row.receives,
      }));
    },
    purge(queue: string): void {
      sql('DELETE FROM messages WHERE queue = ?').run(queue);
    },
    close(): void {
      closed = true;
      for (const queue of waiters.keys()) wake(queue);
      database.close();
    },
  };
}

export type QueueStore = ReturnType<typeof openQueueStore>;
