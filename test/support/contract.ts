import { isDeepStrictEqual } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as v from 'valibot';
import { SCHEMAS, type SchemaName } from '../../lib/contract/answers.ts';
import { describeIssue } from '../../lib/contract/request.ts';
import { openApi } from '../../lib/http/openapi.ts';
import { refusalsOf } from '../../lib/http/route.ts';
import { ROUTES } from '../../lib/http/routes.ts';

/** An answer as a client gets it; header names in lower case. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const PATTERNS = Object.keys(ROUTES).map((name) => {
  const [method, path = ''] = name.split(' ');
  return { name, method, pattern: new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`) };
});

/** The route key that API Gateway finds for a request; undefined where it answers 404 by itself. */
export const routeKeyOf = (method: string, target: string): string | undefined =>
  PATTERNS.find((route) => route.method === method && route.pattern.test(target.split('?', 1)[0]!))?.name;

/** What the path of a request names, decoded, as API Gateway hands it on. */
export const pathParametersOf = (method: string, target: string): Record<string, string> => {
  const [path = ''] = target.split('?', 1);
  const found = PATTERNS.find((route) => route.method === method && route.pattern.test(path));
  const groups = Object.entries(found?.pattern.exec(path)?.groups ?? {});
  return Object.fromEntries(groups.map(([name, value]) => [name, decodeURIComponent(value)]));
};

/** Statuses with which API Gateway refuses by itself. */
const GATEWAY = [400, 404, 413, 429, 500, 503];

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(openApi(ROUTES), 'api');

/** The body must be what the schema says, member by member, in valibot's eyes and by the OpenAPI description. */
function expectBody(name: SchemaName, contentType: string, { headers, body }: HttpAnswer) {
  if (headers['content-type'] !== contentType)
    throw new Error(`it is ${headers['content-type']} and must be ${contentType}`);
  const value: unknown = JSON.parse(body);
  const parsed = v.safeParse(SCHEMAS[name], value);
  if (!parsed.success) throw new Error(parsed.issues.map((issue) => describeIssue(issue)).join('; '));
  // A schema leaves out what it does not know.
  if (!isDeepStrictEqual(parsed.output, value))
    throw new Error(`it has members that ${name} lacks; these it knows: ${JSON.stringify(parsed.output)}`);
  const described = ajv.getSchema(`api#/components/schemas/${name}`)!;
  if (!described(value)) throw new Error(`it is not as described: ${ajv.errorsText(described.errors)}`);
}

function expectRefusal(name: string | undefined, answer: HttpAnswer) {
  const { status, headers, body } = answer;
  const isOurs = headers['content-type'] === 'application/problem+json';
  if (!isOurs && GATEWAY.includes(status)) {
    expectBody('GatewayRefusal', 'application/json', answer);
    return;
  }
  if (!name || !(status in refusalsOf(name, ROUTES[name]!)))
    throw new Error('the contract does not know this refusal');
  expectBody('Problem', 'application/problem+json', answer);
  if ((JSON.parse(body) as { status: number }).status !== status)
    throw new Error('the status in its body is another');
}

/**
 * Holds an answer of the API to the contract: its status, its content type, and its body with every member.
 * @param target path and query
 * @throws Error that names the request and what differs
 */
export function expectContract(method: string, target: string, answer: HttpAnswer): void {
  const name = routeKeyOf(method, target);
  const { status, headers } = answer;
  try {
    if (status >= 400) {
      expectRefusal(name, answer);
      return;
    }
    if (!name) throw new Error('there is no such route');
    const route = ROUTES[name]!;
    if (status !== route.status) throw new Error(`the contract says ${route.status}`);
    if (route.answer) expectBody(route.answer, 'application/json', answer);
    else if (answer.body !== '') throw new Error('it has a body');
    if (route.location && !headers.location) throw new Error('it has no header Location');
    if (!headers['cache-control']) throw new Error('it does not say whether it may be kept');
  } catch (error) {
    throw new Error(
      `${method} ${target} was answered ${status}, which breaks the contract: ${(error as Error).message}\n${answer.body.slice(0, 2_000)}`,
    );
  }
}
