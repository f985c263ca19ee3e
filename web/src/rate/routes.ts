import type { Consent, Label } from '../../../lib/contract/round-request.ts';
import type { RatePage } from '../../../lib/contract/rounds.ts';

/** What an answer of the API says beside its sentence, when it refuses. */
interface Members {
  detail?: string;
  /** Ids of the answers that are stored under the number that was sent. */
  stored?: string[];
  nextSeq?: number;
  closed?: boolean;
}

/** A request that failed. The message is a sentence for the rater. */
export class RateError extends Error {
  override name = 'RateError';
  /** HTTP status; 0 if no answer arrived. */
  readonly status: number;
  readonly members: Members;
  constructor(status: number, message: string, members: Members = {}) {
    super(message);
    this.status = status;
    this.members = members;
  }
  /** Whether the same request may succeed a little later. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The routes for raters, with the token of one. */
export interface RateApi {
  /** @param place where the page begins in the rater's list */
  readPage(place: number): Promise<RatePage>;
  /** Stores answers under a number, once. @param consent what the rater has agreed to, if it is known */
  store(seq: number, answers: readonly Label[], consent: Consent | undefined): Promise<void>;
  /** Hides a picture for everyone. */
  report(item: string): Promise<void>;
}
