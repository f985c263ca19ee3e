/** Replicate answered, and not with success. `message` is Replicate's own words. */
export class ReplicateRefusal extends Error {
  override name = 'ReplicateRefusal';
  readonly status: number;
  /** Seconds after which Replicate wants to be asked again; undefined where it does not say. */
  readonly retryAfter: number | undefined;
  constructor(status: number, detail: string, retryAfter: number | undefined) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** No answer came. The request may have been carried out all the same. */
export class ReplicateUnreachable extends Error {
  override name = 'ReplicateUnreachable';
}

/** The answer is larger than a function's memory should hold: outputs as `data:` URIs, most likely. */
export class AnswerTooLarge extends Error {
  override name = 'AnswerTooLarge';
}
