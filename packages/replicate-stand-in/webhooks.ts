import { whenRoom } from '@weaudit/sqlite/full-disk';
import { Webhook } from 'standardwebhooks';
import { Draw } from './draw.ts';
import type { Delivery, Prediction, WebhookEvent } from './prediction.ts';
import type { Secrets } from './spoken.ts';
import type { Store } from './store.ts';
import { webhookView } from './views.ts';
import type { Wires } from './wires.ts';

/** Waits between the attempts for the terminal event, in seconds: about a minute in all. */
export const RETRY_SECONDS: readonly number[] = [1, 2, 4, 8, 16, 29];

/** The exact patience is not published; an answer is wanted "within a few seconds". */
export const PATIENCE_SECONDS = 15;

const IN_FLIGHT = 32;
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export interface DelivererOptions {
  store: Store;
  secrets: Secrets;
  wires: Wires;
  baseUrl: string;
  /** `whsec_…` */
  secret: string;
  retrySeconds: readonly number[];
  patienceSeconds: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Called when an attempt is over, so that the next due attempt starts. */
  onAttempt(): void;
}

/** JSON as Go writes it: these three are escaped, so that a receiver that verifies a re-serialized body fails. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&]/gu,
    (character) => `\\u00${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

/** Sends the webhooks in the store, and resends those that were not accepted. */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #signer: Webhook;
  readonly #flying = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#signer = new Webhook(options.secret);
  }

  /** Puts a webhook on the list, if the prediction wants this event. Goes into the caller's transaction. */
  enqueue(prediction: Prediction, event: WebhookEvent): void {
    if (prediction.webhook === null || !prediction.events.includes(event)) return;
    this.#options.store.saveDelivery({
      id: `msg_${new Draw('webhook', prediction.id, event, prediction.status).text(27, LETTERS)}`,
      event,
      address: prediction.webhook,
      prediction,
      attempts: 0,
      due: this.#options.now(),
    });
  }

  /** Starts every attempt that is due and for which there is room. */
  pump(): void {
    const { store, now } = this.#options;
    if (this.#flying.size >= IN_FLIGHT) return;
    for (const delivery of store.dueDeliveries(now(), IN_FLIGHT * 2)) {
      if (this.#flying.size >= IN_FLIGHT) break;
      if (this.#flying.has(delivery.id)) continue;
      const attempt = this.#attempt(delivery).finally(() => {
        this.#flying.delete(delivery.id);
        this.#options.onAttempt();
      });
      this.#flying.set(delivery.id, attempt);
    }
  }

  /** Interrupts attempts in progress; the store keeps their webhooks. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#flying.values());
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { store, secrets, wires, baseUrl, now, retrySeconds, patienceSeconds } = this.#options;
    const body = goJson(webhookView(delivery.prediction, baseUrl, secrets));
    const at = new Date(now());
    let status: number | null = null;
    let failure: string | null = null;
    try {
      status = await wires.post({
        address: delivery.address,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'replicate-stand-in/1.0',
          'webhook-id': delivery.id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': this.#signer.sign(delivery.id, at, body),
        },
        body,
        signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(patienceSeconds * 1000)]),
      });
    } catch (error) {
      // It stays in the store and is delivered when the stand-in is opened again.
      if (this.#closing.signal.aborted) return;
      failure = error instanceof Error ? error.message : String(error);
    }
    const attempts = delivery.attempts + 1;
    const wait = retrySeconds[delivery.attempts];
    // Only the terminal event is resent. A redirect is neither followed nor repeated.
    const again = delivery.event === 'completed' && (status === null || status >= 400) && wait !== undefined;
    const record = () =>
      store.atomically(() => {
        store.record({
          at: at.toISOString(),
          kind: 'webhook',
          prediction: delivery.prediction.id,
          event: delivery.event,
          id: delivery.id,
          address: delivery.address,
          attempt: attempts,
          status,
          error: failure,
        });
        if (again) store.saveDelivery({ ...delivery, attempts, due: now() + wait * 1000 });
        else store.removeDelivery(delivery.id);
      });
    await whenRoom(record, this.#closing.signal);
  }
}
