import type { Consent, Label } from '../../../lib/contract/round-request.ts';
import type { RatePage } from '../../../lib/contract/rounds.ts';
import { words } from '../words/rate.ts';

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

export function rateApi(token: string): RateApi {
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    // Kept alive: answers that are sent while the tab closes still arrive.
    const response = await fetch(path, { ...init, headers, keepalive: init.method !== undefined }).catch(
      () => undefined,
    );
    if (!response) throw new RateError(0, navigator.onLine ? words.noAnswer : words.offline);
    if (response.ok) return response;
    const members: Members = await response.json().catch(() => ({}));
    throw new RateError(response.status, members.detail ?? words.unexpected(response.status), members);
  };
  return {
    readPage: async (place) => (await send(`/api/rate?cursor=${place}`)).json(),
    store: async (seq, answers, consent) => {
      const body = JSON.stringify({ consent, answers });
      await send(`/api/rate/labels/${String(seq).padStart(5, '0')}`, { method: 'PUT', body });
    },
    report: async (item) => {
      await send('/api/rate/reports', { method: 'POST', body: JSON.stringify({ item }) });
    },
  };
}
