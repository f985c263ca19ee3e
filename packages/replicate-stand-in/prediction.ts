export type Status = 'starting' | 'processing' | 'succeeded' | 'failed' | 'canceled' | 'aborted';
export type WebhookEvent = 'start' | 'output' | 'logs' | 'completed';

/** A prediction as it is kept. Times are milliseconds since 1970; addresses of outputs are paths. */
export interface Prediction {
  id: string;
  /** `owner/name`. */
  model: string;
  /** As shown: 64 hexadecimal digits, `dp-…` or `hidden`. */
  version: string;
  input: Record<string, unknown>;
  webhook: string | null;
  events: WebhookEvent[];
  status: Status;
  output: unknown;
  logs: string;
  error: string | null;
  metrics: Record<string, number>;
  /** The number that decides what the model leaves to chance. */
  drawn: number;
  /** How long it runs, in milliseconds. */
  runtime: number;
  createdAt: number;
  startedAt: number | null;
  completedAt: number | null;
  /** When it is stopped if it has not ended; null without `Cancel-After`. */
  deadline: number | null;
  /** When the next step of its life is due; null when none is. */
  due: number | null;
  removed: boolean;
}

/** A webhook that is still to be delivered. */
export interface Delivery {
  /** The same for every attempt. */
  id: string;
  event: WebhookEvent;
  address: string;
  /** The prediction as it was when the event happened. */
  prediction: Prediction;
  /** Attempts made so far. */
  attempts: number;
  /** When the next attempt is due, in milliseconds since 1970. */
  due: number;
}
