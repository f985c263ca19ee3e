import { randomUUID } from 'node:crypto';
import type { Access } from '../iam/access.ts';
import type { InvocationResult } from '../lambda/model.ts';
import type { QueueStore, ReceivedMessage } from '../sqs/store.ts';
import type { FunctionModel, RuleModel, ScheduleModel, StackModel } from '../stack/model.ts';
import { deadLetterOf } from './failure.ts';
import { matchesPattern } from './pattern.ts';

/** The bus is the only receiver of its queues, and a start makes every message visible again. */
const VISIBILITY_SECONDS = 12 * 3600;

export interface BusOptions {
  stack: StackModel;
  store: QueueStore;
  access: Access;
  invoke(functionKey: string, event: unknown, requestId: string): Promise<InvocationResult>;
  /** Waits before the retries; Lambda takes one and two minutes. */
  retryDelaysMs: readonly number[];
  /** Events of one function under way at once. */
  concurrency: number;
  /** Says what a person should know, for instance that an event was dropped. */
  warn(message: string): void;
}

export interface Bus {
  /** Hands the event to every rule that matches; when this returns, they are on disk. */
  put(event: unknown): void;
  /** Runs a schedule now, besides its times. */
  fire(schedule: ScheduleModel): void;
  /** Invokes a function asynchronously, with retries and dead letters; false for one that no event invokes. */
  invoke(functionKey: string, event: unknown): boolean;
  /** Events accepted and not yet done. */
  pending(): number;
  stop(): Promise<void>;
}

const queueOf = (functionKey: string) => `events/${functionKey}`;

/**
 * EventBridge and Lambda's asynchronous invocation: an event that a rule matches is kept in a queue of its function,
 * delivered at least once, tried again when the function fails, and in the end put into the function's dead-letter
 * queue. Schedules go the same way.
 */
export function openBus(options: BusOptions): Bus {
  const { stack, store, access, invoke } = options;
  const stopping = new AbortController();
  const targets = new Map(stack.functions.map((model) => [model.key, model]));
  const asynchronous = new Set([...stack.rules, ...stack.schedules].map((item) => item.functionKey));
  for (const functionKey of asynchronous) {
    store.configure({ name: queueOf(functionKey), visibilitySeconds: VISIBILITY_SECONDS, delaySeconds: 0 });
  }

  function fail(
    model: FunctionModel,
    message: ReceivedMessage,
    event: unknown,
    result: InvocationResult,
  ): void {
    if (result.ok) return;
    const attempts = message.receiveCount;
    if (attempts <= model.asyncRetries) {
      const delays = options.retryDelaysMs;
      const delayMs = delays[Math.min(attempts, delays.length) - 1] ?? 0;
      store.changeVisibility(queueOf(model.key), message.receiptHandle, delayMs / 1000);
      return;
    }
    const { requestId } = result.report;
    const letter = deadLetterOf({ model, requestId, event, error: result.error, attempts, at: new Date() });
    const why = `${model.key} failed ${attempts} times on an event (${result.error.errorMessage})`;
    const sender = { arn: model.role.arn, accountId: stack.accountId, anonymous: false, admin: false };
    const resource = `arn:aws:sqs:${stack.region}:${stack.accountId}:${letter?.queue}`;
    store.transaction(() => {
      store.remove(queueOf(model.key), message.receiptHandle);
      if (letter === undefined) {
        options.warn(
          `${why}. It declares no failure destination, so the event is lost, as it would be on AWS.`,
        );
      } else if (!access.authorize({ principal: sender, action: 'sqs:SendMessage', resource, context: {} })) {
        options.warn(
          `${why}. Its role may not send to ${letter.queue}, so the event is lost, as it would be on AWS.`,
        );
      } else {
        store.send(letter.queue, letter.body, { attributes: letter.attributes });
        options.warn(`${why}. The event is in the queue ${letter.queue}.`);
      }
    });
  }

  async function deliver(model: FunctionModel): Promise<void> {
    const queue = queueOf(model.key);
    while (!stopping.signal.aborted) {
      const [message] = await store.receive(queue, { waitSeconds: 60, signal: stopping.signal });
      if (message === undefined) continue;
      const event = JSON.parse(message.body) as unknown;
      // Lambda keeps the request id over the retries of one event.
      const result = await invoke(model.key, event, message.messageId).catch(() => undefined);
      // Rejected: the cloud is stopping, and the event waits in its queue for the next start.
      if (result === undefined || stopping.signal.aborted) return;
      if (result.ok) store.remove(queue, message.receiptHandle);
      else fail(model, message, event, result);
    }
  }

  function accept(rule: RuleModel, event: unknown): void {
    if (matchesPattern(rule.pattern, event)) store.send(queueOf(rule.functionKey), JSON.stringify(event));
  }

  function fire(schedule: ScheduleModel): void {
    const event = schedule.input ?? {
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: stack.accountId,
      time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      region: stack.region,
      resources: [`arn:aws:events:${stack.region}:${stack.accountId}:rule/${schedule.name}`],
      detail: {},
    };
    store.send(queueOf(schedule.functionKey), JSON.stringify(event));
  }

  const timers = stack.schedules.map((schedule) => {
    const timer = setInterval(() => fire(schedule), schedule.everySeconds * 1000);
    timer.unref();
    return timer;
  });
  const deliveries = [...asynchronous].flatMap((functionKey) => {
    const model = targets.get(functionKey);
    return model === undefined ? [] : Array.from({ length: options.concurrency }, () => deliver(model));
  });

  return {
    put(event) {
      store.transaction(() => {
        for (const rule of stack.rules) accept(rule, event);
      });
    },
    fire,
    invoke(functionKey, event) {
      if (!asynchronous.has(functionKey)) return false;
      store.send(queueOf(functionKey), JSON.stringify(event));
      return true;
    },
    pending() {
      let sum = 0;
      for (const functionKey of asynchronous) {
        const { visible, inFlight, delayed } = store.counts(queueOf(functionKey));
        sum += visible + inFlight + delayed;
      }
      return sum;
    },
    async stop() {
      stopping.abort();
      for (const timer of timers) clearInterval(timer);
      await Promise.all(deliveries);
    },
  };
}
