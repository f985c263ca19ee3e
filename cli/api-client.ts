import { setTimeout } from 'node:timers/promises';
import pLimit from 'p-limit';
import type {
  AcceptedAudit,
  AcceptedRound,
  AddressPage,
  AuditEntry,
  AuditPage,
  AuditStatus,
  Budget,
  GatewayRefusal,
  Plan,
  Prediction,
  PredictionPage,
  Problem,
  RaterLink,
  Round,
  RoundEntry,
  RoundPage,
  Study,
  StudyEntry,
  StudyPage,
} from '../lib/contract/answers.ts';
import type { ImportRequest } from '../lib/contract/import-request.ts';
import type { RoundPlanAnswer } from '../lib/contract/rounds.ts';
import { IMPORT, PAGE } from '../lib/limits.ts';
import type { ApiSettings } from './configuration.ts';
import { CommandError, EXIT } from './exit.ts';

const TRIES = 4;
const TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 300;
const MAX_PAUSE_MS = 15_000;
/** Statuses of audits that are read at the same time: all auditors share the API's rate limit. */
const PARALLEL_STATUSES = 4;
/** Statuses that a retry can change. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/**
 * A client of the HTTP API. Every request is safe to retry: reads change nothing, cancel and delete are idempotent, and
 * a new audit carries an Idempotency-Key.
 */
export class ApiClient {
  readonly url: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;

  constructor({ url, token }: ApiSettings, fetcher: typeof fetch = fetch) {
    this.url = url;
    this.#token = token;
    this.#fetch = fetcher;
  }

  /**
   * @param design the body of the request, which the API checks
   * @param key Idempotency-Key: the same key and design always return the same audit
   */
  createAudit(design: unknown, key: string): Promise<AcceptedAudit> {
    return this.#json('POST', '/api/audits', once(design, key));
  }

  /** @param key as for `createAudit` */
  createImport(request: ImportRequest, key: string): Promise<AcceptedAudit> {
    return this.#json('POST', '/api/imports', once(request, key));
  }

  /** Addresses for pictures of an import that are missing, from a cell on. */
  addresses(audit: string, cursor: string, limit: number = IMPORT.addresses): Promise<AddressPage> {
    const query = new URLSearchParams({ cursor, limit: String(limit) });
    return this.#json('POST', `/api/imports/${encodeURIComponent(audit)}/addresses?${query}`);
  }

  /** Audits, newest first. */
  async *audits(): AsyncGenerator<AuditEntry> {
    for await (const { audits } of this.#pages<AuditPage>('/api/audits')) yield* audits;
  }

  /** The budget of this month, and known prices. */
  budget(): Promise<Budget> {
    return this.#json('GET', '/api/budget');
  }

  status(audit: string): Promise<AuditStatus> {
    return this.#json('GET', path(audit));
  }

  /** The statuses of several audits, in their order. Those of deleted audits are left out. */
  async statuses(audits: readonly string[]): Promise<AuditStatus[]> {
    const limit = pLimit(PARALLEL_STATUSES);
    const read = (audit: string) => limit(() => this.#jsonIfAny<AuditStatus>('GET', path(audit)));
    return (await Promise.all(audits.map(read))).filter((status) => status !== undefined);
  }

  /** All studies, with the ids of their audits. */
  async *studies(): AsyncGenerator<StudyEntry> {
    for await (const { studies } of this.#pages<StudyPage>('/api/studies')) yield* studies;
  }

  /** A study with its audits; undefined if there is none. */
  study(study: string): Promise<Study | undefined> {
    return this.#jsonIfAny('GET', `/api/studies/${encodeURIComponent(study)}`);
  }

  /** Adds audits to the study of this name, which is created if there is none. */
  addToStudy(name: string, audits: readonly string[] = []): Promise<StudyEntry> {
    return this.#json('POST', '/api/studies', { body: JSON.stringify({ name, audits }) });
  }

  /** Deletes a study; its audits are kept. */
  async deleteStudy(study: string): Promise<void> {
    await this.#json('DELETE', `/api/studies/${encodeURIComponent(study)}`);
  }

  /**
   * Makes a round, or continues to. It is made when its state is `open`.
   * @param key Idempotency-Key: the same key and request always return the same round
   */
  createRound(request: unknown, key: string): Promise<AcceptedRound> {
    return this.#json('POST', '/api/rounds', once(request, key));
  }

  /** Rounds, newest first. @param audit only those that show pictures of this audit */
  async *rounds(audit?: string): AsyncGenerator<RoundEntry> {
    for await (const { rounds } of this.#pages<RoundPage>('/api/rounds', audit ? { audit } : {}))
      yield* rounds;
  }

  round(round: string): Promise<Round> {
    return this.#json('GET', roundPath(round));
  }

  /** Gives a slot to a rater. Sent again after an answer that was lost, it gives the slot to yet another one, with the same name. */
  giveSlot(round: string, rater: { slot: number; name?: string; pseudonym?: string }): Promise<RaterLink> {
    return this.#json('POST', roundPath(round, '/raters'), { body: JSON.stringify(rater) });
  }

  /** @param generation of an earlier rater of the slot; the last one otherwise */
  async withdrawRater(round: string, slot: number, generation?: number): Promise<void> {
    const query = generation === undefined ? '' : `?generation=${generation}`;
    await this.#json('DELETE', roundPath(round, `/raters/${slot}${query}`));
  }

  /** Forgets the names of all raters of a round. */
  async forgetNames(round: string): Promise<void> {
    await this.#json('DELETE', roundPath(round, '/people'));
  }

  /** Shows raters a picture again that one of them reported. @param image `<audit>/<cell>/<index>` */
  async clearReport(round: string, image: string): Promise<void> {
    await this.#json('POST', roundPath(round, '/cleared'), { body: JSON.stringify({ image }) });
  }

  async closeRound(round: string): Promise<void> {
    await this.#json('POST', roundPath(round, '/close'));
  }

  async deleteRound(round: string): Promise<void> {
    await this.#json('DELETE', roundPath(round));
  }

  /** All predictions in order. Pages are read as they are needed, so that image addresses are fresh. */
  async *predictions(audit: string): AsyncGenerator<Prediction> {
    for await (const { predictions } of this.#pages<PredictionPage>(path(audit, '/predictions')))
      yield* predictions;
  }

  page(audit: string, cursor?: string, limit: number = PAGE.most): Promise<PredictionPage> {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor ? { cursor } : {}) });
    return this.#json('GET', path(audit, `/predictions?${query}`));
  }

  /** The address of the manifest, or undefined while it is not written. */
  async manifestUrl(audit: string, format: 'json' | 'csv'): Promise<string | undefined> {
    const answer = await this.#send('GET', path(audit, `/manifest?format=${format}`), {}, [409]);
    return answer.status === 409 ? undefined : (answer.headers.get('location') ?? undefined);
  }

  /** The accepted design of an audit. */
  plan(audit: string): Promise<Plan> {
    return this.#json('GET', path(audit, '/plan'));
  }

  /** What was decided before the first label of a round, its codebook and its images. */
  roundPlan(round: string): Promise<RoundPlanAnswer> {
    return this.#json('GET', roundPath(round, '/plan'));
  }

  /**
   * The address of the labels that count. A minute after a round was closed they are counted, which this waits for.
   * @throws {CommandError} if the round is open
   */
  async snapshotUrl(round: string): Promise<string> {
    for (;;) {
      const answer = await this.#send('GET', roundPath(round, '/snapshot'), {}, [409]);
      const url = answer.headers.get('location');
      if (url) return url;
      const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
      if (!(seconds > 0)) throw refusal(answer);
      await setTimeout(Math.min(seconds * 1_000, MAX_PAUSE_MS));
    }
  }

  async cancel(audit: string): Promise<void> {
    await this.#json('POST', path(audit, '/cancel'));
  }

  /** As `cancel`, for one that may have finished meanwhile. */
  async cancelIfRunning(audit: string): Promise<void> {
    await this.#send('POST', path(audit, '/cancel'), {}, [404, 409]);
  }

  async delete(audit: string): Promise<void> {
    await this.#json('DELETE', path(audit));
  }

  /** The pages of a list, each when it is needed. */
  async *#pages<Page extends { cursor?: string }>(
    target: string,
    query: Record<string, string> = {},
  ): AsyncGenerator<Page> {
    let cursor: string | undefined;
    do {
      const all = new URLSearchParams({ limit: String(PAGE.most), ...query, ...(cursor ? { cursor } : {}) });
      const page = await this.#json<Page>('GET', `${target}?${all}`);
      yield page;
      cursor = page.cursor;
    } while (cursor);
  }

  async #json<T>(method: string, target: string, request: RequestInit = {}): Promise<T> {
    return this.#parse(await this.#send(method, target, request));
  }

  /** As `#json`; undefined for what does not exist. */
  async #jsonIfAny<T>(method: string, target: string): Promise<T | undefined> {
    const answer = await this.#send(method, target, {}, [404]);
    return answer.status === 404 ? undefined : this.#parse(answer);
  }

  #parse<T>({ text }: Answer): T {
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new CommandError(
        EXIT.unavailable,
        `${this.url} answered, but not like WeAudit's API. Check the address (--url, WEAUDIT_URL).`,
      );
    }
  }

  /** @param wanted statuses of 400 and above that the caller handles */
  async #send(method: string, target: string, request: RequestInit, wanted: number[] = []): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#attempt(method, target, request);
      if (!(answer instanceof Error)) {
        if (answer.status < 400 || wanted.includes(answer.status)) return answer;
        if (!PASSING.includes(answer.status)) throw refusal(answer);
      }
      if (attempt === TRIES)
        throw new CommandError(
          EXIT.unavailable,
          answer instanceof Error
            ? `${this.url} cannot be reached (${answer.message}). Check the address (--url, WEAUDIT_URL). To start the local cloud, run "npm start".`
            : `${this.url} is temporarily unavailable: ${detailOf(answer)} Run the same command again later; nothing is done twice.`,
        );
      const asked =
        answer instanceof Error ? Number.NaN : Number(answer.headers.get('retry-after') ?? Number.NaN);
      const pause = Number.isFinite(asked) ? asked * 1_000 : FIRST_PAUSE_MS * 2 ** (attempt - 1);
      await setTimeout(Math.min(pause, MAX_PAUSE_MS));
    }
  }

  async #attempt(method: string, target: string, request: RequestInit): Promise<Answer | Error> {
    try {
      const response = await this.#fetch(`${this.url}${target}`, {
        ...request,
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(request.body ? { 'content-type': 'application/json' } : {}),
          ...(request.headers as Record<string, string> | undefined),
        },
        // The manifest redirects to its address, which the caller wants; nothing else redirects.
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      const { message, cause } = error as Error & { cause?: Error & { code?: string } };
      return new Error(cause?.code ?? cause?.message ?? message);
    }
  }
}

/** A request that is carried out once for its Idempotency-Key. */
const once = (body: unknown, key: string): RequestInit => ({
  body: JSON.stringify(body),
  headers: { 'idempotency-key': key },
});

const roundPath = (round: string, rest = '') => `/api/rounds/${encodeURIComponent(round)}${rest}`;
const path = (audit: string, rest = '') => `/api/audits/${encodeURIComponent(audit)}${rest}`;

function detailOf({ status, text }: Answer): string {
  try {
    const { detail, message } = JSON.parse(text) as Partial<Problem & GatewayRefusal>;
    if (typeof detail === 'string' && detail !== '') return detail;
    if (typeof message === 'string') return `API Gateway answered ${status}: ${message}.`;
  } catch {
    // Not a problem document, for example a proxy's page.
  }
  return `it answered ${status}.`;
}

const refusal = (answer: Answer) => new CommandError(EXIT.refused, detailOf(answer));
