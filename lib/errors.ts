/** How an answer that refuses a request differs from the plain one. */
export interface RefusalExtras {
  /** Headers of the answer, such as `retry-after`. */
  headers?: Record<string, string>;
  /** Further members of the problem document (RFC 9457). */
  members?: Record<string, unknown>;
}

/**
 * A request or a delivery that is not accepted, and whose sender is told so. Nothing was recorded, and nothing
 * retries it on this side. Every other error is a fault: retry.
 */
export class Refusal extends Error {
  override name = 'Refusal';
  /** HTTP status, 400 to 599. */
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly members: Record<string, unknown>;

  /** @param detail a sentence for the sender: what is wrong, and what to change */
  constructor(status: number, detail: string, { headers = {}, members = {} }: RefusalExtras = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
    this.members = members;
  }
}

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Anything that was thrown, as an error. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(messageOf(thrown));
