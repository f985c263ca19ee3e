import { forgetToken, token } from './token.ts';
import type { AuditEntry, AuditRequest, AuditStatus, Plan, PredictionPage } from './types.ts';

/** A request that did not succeed. The message is a sentence for the person at the page. */
export class ApiError extends Error {
  override name = 'ApiError';
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** No answer came: nothing is wrong with the request, it may be sent again. */
export const isUnreachable = (error: unknown): boolean => error instanceof ApiError && error.status === 0;

/** An API Gateway or CloudFront that cannot reach the function answers these for a moment. */
const PASSING = [429, 502, 503, 504];
/** True where asking again a little later may well succeed. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 0 || PASSING.includes(error.status));

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token.value}` },
    });
  } catch {
    throw new ApiError(
      0,
      navigator.onLine
        ? 'The server did not answer. It may be a moment’s trouble; the page tries again.'
        : 'You are offline. What is loaded stays here, and the page goes on when the connection is back.',
    );
  }
  if (response.ok) return response;
  if (response.status === 401) forgetToken();
  throw new ApiError(response.status, await sentence(response));
}

/** What an error answer says, in a sentence. Answers of the API are problem details (RFC 9457). */
async function sentence(response: Response): Promise<string> {
  const problem = await response.json().catch(() => undefined);
  if (typeof problem?.detail === 'string') return problem.detail;
  return PASSING.includes(response.status)
    ? 'The server is busy at the moment. Try again in a few seconds.'
    : `The server answered ${response.status}, which it should not. Try again; if it stays, tell an operator.`;
}

const get = async <T>(path: string): Promise<T> => (await send(path)).json();

export const readModels = async () => (await get<{ models: string[] }>('/api/models')).models;

export const readStatus = (audit: string) => get<AuditStatus>(`/api/audits/${encodeURIComponent(audit)}`);

export const readPlan = (audit: string) => get<Plan>(`/api/audits/${encodeURIComponent(audit)}/plan`);

export const readAudits = (cursor?: string) =>
  get<{ audits: AuditEntry[]; cursor?: string }>(`/api/audits${cursor ? `?cursor=${cursor}` : ''}`);

/** At most 100 cells from cell `from` on. */
export const readPredictions = (audit: string, from: number, limit: number) =>
  get<PredictionPage>(
    `/api/audits/${encodeURIComponent(audit)}/predictions?cursor=${String(from).padStart(5, '0')}&limit=${limit}`,
  );

/** @param key the same for the same request, so that sending it twice makes one audit */
export const createAudit = async (request: AuditRequest, key: string) =>
  (await send('/api/audits', {
    method: 'POST',
    body: JSON.stringify(request),
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
  }).then((response) => response.json())) as { id: string; predictions: number };

export const cancelAudit = (audit: string) =>
  send(`/api/audits/${encodeURIComponent(audit)}/cancel`, { method: 'POST' });

export const deleteAudit = (audit: string) =>
  send(`/api/audits/${encodeURIComponent(audit)}`, { method: 'DELETE' });

/** The manifest's bytes. The API redirects to the bucket; browsers drop the token on the way there. */
export const readManifest = async (audit: string, format: 'json' | 'csv'): Promise<Blob> =>
  (await send(`/api/audits/${encodeURIComponent(audit)}/manifest?format=${format}`)).blob();
