/** Errors whose type says what the caller should do. Whatever has none of these types is a fault: retry. */

/** It cannot be done now; doing the same again later can succeed. */
export class RetryLater extends Error {
  override name = 'RetryLater';
}

/** It is wrong and stays wrong: refuse it, record nothing, do not try again. */
export class Rejected extends Error {
  override name = 'Rejected';
  readonly status: number;
  /** @param status the HTTP status (4xx) that tells the sender so. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
