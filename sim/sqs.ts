import type { GetQueueAttributesCommandInput, SendMessageBatchCommandInput } from '@aws-sdk/client-sqs';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import type { JsonCall } from '../lib/aws/json-call.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';

export interface Message {
  id: number;
  body: string;
  receives: number;
  /** Functions that this chain of messages has gone through, as the trace header counts them. */
  lineage: number;
  sentAt: number;
  /** Why each receive failed, and whether it met a fault. */
  failures: { why: string; metFault: boolean }[];
  state: 'delayed' | 'waiting' | 'in flight' | 'gone';
}

/** A standard queue: at least once, in no order, with visibility, delays and redrive. */
export class QueueModelled {
  readonly #kernel: Kernel;
  readonly model: StackModel['queues'][number];
  readonly messages = new Map<number, Message>();
  readonly #waiting: Message[] = [];
  #ids = 0;
  sent = 0;
  doubles: () => boolean = () => false;
  onDead: (message: Message) => void = () => {};
  /** Told whenever a message can be received. */
  onWaiting: () => void = () => {};

  constructor(kernel: Kernel, model: StackModel['queues'][number]) {
    this.#kernel = kernel;
    this.model = model;
  }

  /** Standard queues deliver at least once: some messages come as two. */
  send(body: string, delaySeconds: number, lineage: number): void {
    this.#add(body, delaySeconds * 1_000, lineage);
    if (this.doubles())
      this.#add(body, delaySeconds * 1_000 + 5_000 * this.#kernel.chance.fraction() ** 3, lineage);
  }

  #add(body: string, delayMs: number, lineage: number): void {
    const message: Message = {
      id: ++this.#ids,
      body,
      receives: 0,
      failures: [],
      lineage,
      sentAt: this.#kernel.now,
      state: 'delayed',
    };
    this.sent++;
    this.messages.set(message.id, message);
    this.#kernel.after(delayMs, () => this.#show(message));
  }

  #show(message: Message): void {
    if (message.state === 'gone') return;
    message.state = 'waiting';
    // No order is promised.
    this.#waiting.splice(
      Math.floor(this.#kernel.chance.fraction() ** 3 * (this.#waiting.length + 1)),
      0,
      message,
    );
    this.onWaiting();
  }

  /** The next message that is not in flight; it comes back if it is not deleted in time. */
  receive(): Message | undefined {
    for (;;) {
      const message = this.#waiting.pop();
      if (!message) return undefined;
      // Deleted while it could be received again.
      if (message.state === 'gone') continue;
      const { redrive, visibilitySeconds } = this.model;
      if (redrive && message.receives >= redrive.maxReceiveCount) {
        this.delete(message);
        this.onDead(message);
        continue;
      }
      message.receives++;
      message.state = 'in flight';
      const receives = message.receives;
      this.#kernel.after(visibilitySeconds * 1_000, () => {
        if (message.state === 'in flight' && message.receives === receives) this.#show(message);
      });
      return message;
    }
  }

  delete(message: Message): void {
    message.state = 'gone';
    this.messages.delete(message.id);
  }

  count(state: Message['state']): number {
    let count = 0;
    for (const message of this.messages.values()) if (message.state === state) count++;
    return count;
  }
}

/** The calls of one process to a queue. */
export function sqsCalls(process: Process, queue: QueueModelled, lineage: () => number): JsonCall {
  return (action, input) => {
    const lost = () => Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    return process.call(
      { service: 'sqs', action, about: queue.model.name },
      () => {
        if (action === 'GetQueueAttributes') {
          const { AttributeNames = [] } = input as GetQueueAttributesCommandInput;
          const counts = {
            ApproximateNumberOfMessages: queue.count('waiting'),
            ApproximateNumberOfMessagesNotVisible: queue.count('in flight'),
            ApproximateNumberOfMessagesDelayed: queue.count('delayed'),
          };
          return {
            Attributes: Object.fromEntries(
              AttributeNames.map((name) => [name, String(counts[name as keyof typeof counts])]),
            ),
          };
        }
        const { Entries = [] } = input as SendMessageBatchCommandInput;
        for (const { MessageBody = '', DelaySeconds = 0 } of Entries)
          queue.send(MessageBody, DelaySeconds, lineage());
        return {};
      },
      lost,
    );
  };
}
