import type { Status, WebhookEvent } from './prediction.ts';

/** An output as the ledger knows it when the prediction ends. */
export interface LedgerOutput {
  /** Path under the stand-in's address, or `data:` for one that travels inside the answer. */
  path: string;
  /** Hex SHA-256 of the bytes; for files with an address it is known once they are downloaded. */
  sha256: string | null;
  bytes: number | null;
}

/** One thing that happened. `at` is ISO 8601 by the stand-in's clock. */
export type LedgerEntry = { at: string } & (
  | {
      kind: 'create';
      prediction: string;
      model: string;
      version: string;
      input: Record<string, unknown>;
      webhook: string | null;
      events: WebhookEvent[];
      /** ISO 8601; null without `Cancel-After`. */
      deadline: string | null;
    }
  | { kind: 'start'; prediction: string }
  | { kind: 'cancel'; prediction: string }
  | {
      kind: 'terminal';
      prediction: string;
      status: Status;
      error: string | null;
      outputs: LedgerOutput[];
    }
  | {
      kind: 'webhook';
      prediction: string;
      event: WebhookEvent;
      /** The `webhook-id` header. */
      id: string;
      address: string;
      /** 1 for the first. */
      attempt: number;
      /** null: no answer. */
      status: number | null;
      error: string | null;
    }
  | {
      kind: 'download';
      prediction: string;
      file: string;
      contentType: string;
      /** Hex SHA-256 of the file; null when the client hung up before all of it was sent. */
      sha256: string | null;
      /** Size of the whole file. */
      bytes: number;
      /** Bytes handed over; fewer when the client hung up. */
      sent: number;
    }
  | { kind: 'removal'; prediction: string }
  | { kind: 'refusal'; method: string; path: string; status: number }
);

/** A ledger entry with its number; numbers only grow, also across restarts. */
export type StandInEvent = { seq: number } & LedgerEntry;
