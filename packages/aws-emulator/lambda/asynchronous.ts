import { whenRoom } from '@weaudit/sqlite/full-disk';
import type { Disk } from '../disk.ts';
import type { Access } from '../iam/access.ts';
import type { QueueStore, ReceivedMessage } from '../sqs/store.ts';
import type { FunctionModel, StackModel } from '../stack/model.ts';
import { deadLetterOf } from './dead-letter.ts';
import type { InvocationResult, Invoke } from './model.ts';

/** Only this process receives from these queues, and a start makes every message visible again. */
const VISIBILITY_SECONDS = 12 * 3600;
/** Events of one function in progress at once. */
const CONCURRENCY = 2;

export interface AsynchronousOptions {
  stack: StackModel;
  store: QueueStore;
  access: Access;
  invoke: Invoke;
  disk: Disk;
  retryDelaysMs?: readonly number[] | undefined;
  warn(message: string): void;
}

const queueOf = (functionKey: string) => `events/${functionKey}`;

/**
 * Lambda's asynchronous invocation: an accepted event waits in a queue of its function, is delivered at least once,
 * retried when the function fails, and in the end sent to the function's failure destination or dead-letter queue.
 */
export function openAsynchronous(options: AsynchronousOptions) {
  const { stack, store, access, invoke, retryDelaysMs = [1_000, 4_000], warn } = options;
  const stopping = new AbortController();
  let deliveries: Promise<void>[] = [];
  for (const { key } of stack.functions) {
    store.configure({ name: queueOf(key), visibilitySeconds: VISIBILITY_SECONDS, delaySeconds: 0 });
  }

  function fail(
    model: FunctionModel,
    message: ReceivedMessage,
    event: unknown,
    result: InvocationResult & { ok: false },
  ): void {
    const queue = queueOf(model.key);
    const attempts = message.receiveCount;
    if (attempts <= model.asyncRetries) {
      const delayMs = retryDelaysMs[Math.min(attempts, retryDelaysMs.length) - 1] ?? 0;
      store.changeVisibility(queue, message.receiptHandle, delayMs / 1000);
      return;
    }
    const { requestId } = result.report;
    const letter = deadLetterOf({ model, requestId, event, error: result.error, attempts, at: new Date() });
    const resource = `arn:aws:sqs:${stack.region}:${stack.accountId}:${letter?.queue}`;
    const why = `${model.key} failed ${attempts} times on an event (${result.error.errorMessage}).`;
    store.transaction(() => {
      store.remove(queue, message.receiptHandle);
      if (letter === undefined) {
        warn(`${why} The event is lost, as on AWS: the function declares no failure destination.`);
      } else if (!access.roleMay(model, 'sqs:SendMessage', resource)) {
        warn(`${why} The event is lost, as on AWS: the function's role may not send to ${letter.queue}.`);
      } else {
        store.send(letter.queue, letter.body, { attributes: letter.attributes });
        warn(`${why} The event is in the queue ${letter.queue}.`);
      }
    });
  }

  const patiently = <T>(work: () => T | Promise<T>) => whenRoom(work, stopping.signal, options.disk.full);

  async function deliver(model: FunctionModel): Promise<void> {
    const queue = queueOf(model.key);
    while (!stopping.signal.aborted) {
      const received = await patiently(() =>
        store.receive(queue, { waitSeconds: 60, signal: stopping.signal }),
      );
      const message = received?.[0];
      if (message === undefined) continue;
      const event = JSON.parse(message.body) as unknown;
      // Lambda keeps the request ID over the retries of an event.
      const result = await invoke(model.key, event, { requestId: message.messageId }).catch(() => undefined);
      // Rejected: the emulator stops, and the event waits in its queue for the next start.
      if (result === undefined || stopping.signal.aborted) return;
      await patiently(() => {
        if (result.ok) store.remove(queue, message.receiptHandle);
        else fail(model, message, event, result);
      });
    }
  }

  return {
    accept(functionKey: string, event: unknown): void {
      store.send(queueOf(functionKey), JSON.stringify(event));
    },
    pending: (): number =>
      stack.functions.reduce((sum, { key }) => {
        const { visible, inFlight, delayed } = store.counts(queueOf(key));
        return sum + visible + inFlight + delayed;
      }, 0),
    start(): void {
      deliveries = stack.functions.flatMap((model) =>
        Array.from({ length: CONCURRENCY }, () => deliver(model)),
      );
    },
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(deliveries);
    },
  };
}
