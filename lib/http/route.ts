import type * as v from 'valibot';
import type { AcceptDeps } from '../audits/accept.ts';
import type { EndDeps } from '../audits/end.ts';
import type { AddressDeps } from '../audits/import.ts';
import type { ReadDeps } from '../audits/read.ts';
import type { Exact, Models, SchemaName } from '../contract/answers.ts';
import { DESIGN } from '../limits.ts';
import type { RateDeps } from '../rounds/rate.ts';
import type { Caller, Scope } from './tokens.ts';

export interface RouteDeps
  extends AcceptDeps,
    EndDeps,
    ReadDeps,
    AddressDeps,
    RateDeps,
    Omit<Models, 'scope'> {}

/** Schemas of texts, by the names of what they check; each may be absent. */
type Fields = Record<string, v.GenericSchema<string, string | number>>;
type Values<Of extends Fields> = { [Name in keyof Of]?: v.InferOutput<Of[Name]> };

/** What a handler is given of a request. */
export interface RouteRequest<Query extends Fields = Fields, Headers extends Fields = Fields> {
  caller: Caller;
  /** Unique to this invocation. */
  id: string;
  /** The audit in the path, as it came; empty on routes without one. */
  audit: string;
  /** The study in the path, likewise. */
  study: string;
  /** The round in the path, likewise, as are a slot and the number of a batch of answers. */
  round: string;
  slot: string;
  seq: string;
  /** The token in the header `Authorization`, or empty: a rater's is checked by what answers. */
  token: string;
  query: Values<Query>;
  headers: Values<Headers>;
  body: string;
}

/** What a handler answers; the route has the status. */
export interface RouteAnswer<Answer extends SchemaName | undefined> {
  body: Answer extends SchemaName ? Exact<Answer> : undefined;
  headers?: Record<string, string>;
}

export interface Route<
  Query extends Fields = Fields,
  Headers extends Fields = Fields,
  Answer extends SchemaName | undefined = SchemaName | undefined,
> {
  summary: string;
  /** What a token must allow; undefined: no token is needed. */
  scope: Scope | undefined;
  /** Query parameters. Any other is refused. */
  query: Query;
  /** Request headers that mean something, in lower case. */
  headers: Headers;
  /** The schema of the request's body, if it has one. */
  body?: SchemaName;
  /** Of a success. */
  status: 200 | 201 | 202 | 303;
  /** The schema of the answer's body; undefined: it has none. */
  answer: Answer;
  /** What the answer's header `Location` names, if it has one. */
  location?: string;
  /** What only this route refuses, by status; `refusalsOf` has everything. */
  refusals: Record<number, string>;
  handle(deps: RouteDeps, request: RouteRequest<Query, Headers>): Promise<RouteAnswer<Answer>>;
}

/** Lets the compiler hold a handler to what its route declares. */
export const route = <Query extends Fields, Headers extends Fields, Answer extends SchemaName | undefined>(
  declared: Omit<Route<Query, Headers, Answer>, Defaults> &
    Partial<Pick<Route<Query, Headers, Answer>, Defaults>>,
): Route<Query, Headers, Answer> =>
  ({ query: {}, headers: {}, refusals: {}, status: 200, ...declared }) as Route<Query, Headers, Answer>;

type Defaults = 'query' | 'headers' | 'refusals' | 'status';

const UNKNOWN = 'The API token is missing, unknown or expired.';
const TOKEN_REFUSED: Record<Scope, string> = {
  read: UNKNOWN,
  audit: UNKNOWN,
  rate: "The rater's token is missing or unknown, or its round was deleted.",
};

/** Every refusal of a route, by status: what it means. */
export const refusalsOf = (name: string, { scope, body, refusals }: Route): Record<number, string> => ({
  400: 'A query parameter or a header is not right, or the body is not JSON.',
  ...(scope ? { 401: TOKEN_REFUSED[scope] } : {}),
  ...(scope === 'audit' ? { 403: 'The API token can only view audits.' } : {}),
  ...(name.includes('{audit}') ? { 404: 'There is no such audit.' } : {}),
  ...(name.includes('{study}') ? { 404: 'There is no such study.' } : {}),
  ...(name.includes('{round}') ? { 404: 'There is no such round.' } : {}),
  ...(body ? { 413: `The body has more than ${DESIGN.bodyBytes} bytes.` } : {}),
  ...refusals,
  ...(scope ? { 500: 'The request failed on our side. The detail names its request ID.' } : {}),
});
