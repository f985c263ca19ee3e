import type { AcceptDeps } from '../audits/accept.ts';
import type { EndDeps } from '../audits/end.ts';
import type { ReadDeps } from '../audits/read.ts';
import type { HttpResponse } from './problem.ts';
import type { Caller, Scope } from './tokens.ts';

export interface ApiDeps extends AcceptDeps, EndDeps, ReadDeps {
  /** Models that the page offers. */
  models: string[];
  /** For how many days an audit of each retention is kept. `keep` never expires. */
  retentionDays: { short: number; standard: number };
}

export interface ApiRequest {
  /** Who asks; undefined on routes that are open to all. */
  caller: Caller | undefined;
  /** Unique to this invocation. */
  id: string;
  audit: string;
  query: Record<string, string | undefined>;
  headers: Record<string, string | undefined>;
  body: string;
}

export interface ApiRoute {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** What a token must allow; undefined: no token is needed. */
  scope: Scope | undefined;
  /** Query parameters it knows; any other is an error. */
  query: string[];
  handle: (deps: ApiDeps, request: ApiRequest) => Promise<HttpResponse>;
}
