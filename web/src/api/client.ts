import type { Problem } from '../parts/problem.ts';
import { words } from '../words/app.ts';
import { rejectToken, token } from './token.ts';
import type {
  AcceptedAudit,
  AuditPage,
  AuditRequest,
  AuditStatus,
  Budget,
  Models,
  Plan,
  PredictionPage,
  Study,
  StudyEntry,
  StudyPage,
} from './types.ts';

/** A request that failed. The message is a sentence for the person at the page. */
export class ApiError extends Error {
  override name = 'ApiError';
  /** HTTP status; 0 if no answer arrived. */
  readonly status: number;
  /** What is wrong with which member of the request, where the API says it. */
  readonly problems: Problem[];
  constructor(status: number, message: string, problems: Problem[] = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

/** No answer of the API arrived. The message says why; what to do depends on whether the page retries by itself. */
export class NoAnswer extends ApiError {
  override name = 'NoAnswer';
}

/** API Gateway and CloudFront answer these while they cannot reach the function. */
const TEMPORARY = [429, 502, 503, 504];
/** Whether a retry a little later may succeed. */
export const isTemporary = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 0 || TEMPORARY.includes(error.status));

/**
 * Calls the API with the token.
 * @throws {ApiError} for any answer but success
 */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token.value}` },
    });
  } catch {
    throw new NoAnswer(0, navigator.onLine ? words.noAnswer : words.youAreOffline);
  }
  if (response.ok) return response;
  if (response.status === 401) rejectToken();
  throw await errorOf(response);
}

/** The error that an answer reports. Errors of the API are problem details (RFC 9457). */
async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const problem = await response.json().catch(() => undefined);
  if (typeof problem?.detail === 'string')
    return new ApiError(status, status === 403 ? words.onlyViews : problem.detail, problemsIn(problem));
  return TEMPORARY.includes(status)
    ? new NoAnswer(status, words.busy)
    : new ApiError(status, words.unexpectedAnswer(status));
}

/** One for each member that is wrong. */
const problemsIn = ({
  fields = [],
  errors,
  detail,
}: {
  fields?: string[];
  errors?: string[];
  detail: string;
}) => fields.map((field, place): Problem => ({ field, text: errors?.[place] ?? detail }));

export const get = async <T>(path: string): Promise<T> => (await send(path)).json();

/** Models to choose from, and for how many days each retention keeps an audit. */
export const readModels = () => get<Models>('/api/models');

/** What this month's audits may cost, and known prices. */
export const readBudget = () => get<Budget>('/api/budget');

export const readStatus = (audit: string) => get<AuditStatus>(`/api/audits/${encodeURIComponent(audit)}`);

export const readPlan = (audit: string) => get<Plan>(`/api/audits/${encodeURIComponent(audit)}/plan`);

export const readAudits = (cursor?: string) =>
  get<AuditPage>(`/api/audits${cursor ? `?cursor=${cursor}` : ''}`);

/** At most 100 cells, starting with cell `from`. */
export const readPredictions = (audit: string, from: number, limit: number) =>
  get<PredictionPage>(
    `/api/audits/${encodeURIComponent(audit)}/predictions?cursor=${String(from).padStart(5, '0')}&limit=${limit}`,
  );

/** @param key the same for each attempt of one request, so that a retry does not create a second audit */
export const createAudit = async (request: AuditRequest, key: string) =>
  (await send('/api/audits', {
    method: 'POST',
    body: JSON.stringify(request),
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
  }).then((response) => response.json())) as AcceptedAudit;

export const cancelAudit = (audit: string) =>
  send(`/api/audits/${encodeURIComponent(audit)}/cancel`, { method: 'POST' });

export const deleteAudit = (audit: string) =>
  send(`/api/audits/${encodeURIComponent(audit)}`, { method: 'DELETE' });

/** The manifest's bytes. The API redirects to the bucket; browsers do not send the token there. */
export const readManifest = async (audit: string, format: 'json' | 'csv'): Promise<Blob> =>
  (await send(`/api/audits/${encodeURIComponent(audit)}/manifest?format=${format}`)).blob();

/** All studies, with the ids of their audits. */
export async function readStudies(): Promise<StudyEntry[]> {
  const studies: StudyEntry[] = [];
  let cursor: string | undefined;
  do {
    const page: StudyPage = await get(`/api/studies${cursor ? `?cursor=${cursor}` : ''}`);
    studies.push(...page.studies);
    cursor = page.cursor;
  } while (cursor);
  return studies;
}

/** A study with its audits as the list of audits shows them. */
export const readStudy = (study: string) => get<Study>(`/api/studies/${encodeURIComponent(study)}`);

/** Adds audits to the study of this name, which is created if there is none. It can be repeated. */
export const addToStudy = (name: string, audits: string[]) =>
  send('/api/studies', {
    method: 'POST',
    body: JSON.stringify({ name, audits }),
    headers: { 'content-type': 'application/json' },
  });

export const removeFromStudy = (study: string, audit: string) =>
  send(`/api/studies/${encodeURIComponent(study)}/audits/${encodeURIComponent(audit)}`, { method: 'DELETE' });

/** Deletes a study; its audits are kept. */
export const deleteStudy = (study: string) =>
  send(`/api/studies/${encodeURIComponent(study)}`, { method: 'DELETE' });
