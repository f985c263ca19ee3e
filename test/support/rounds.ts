import { createHash, randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { Codebook, Given, Label } from '../../lib/contract/round-request.ts';
import { type ApiPorts, createApi } from '../../lib/handlers/api.ts';
import type { ObjectStore, Time } from '../../lib/ports.ts';
import { systemChance } from '../../lib/system.ts';

export { type Missing, plantAudit } from '../../bench/planted-audit.ts';

import { expectContract, pathParametersOf, routeKeyOf } from './contract.ts';

/** Rating rounds for tests: audits that are finished, a codebook, and raters who answer. */

export const CODEBOOK: Codebook = {
  title: 'Persons',
  questions: [
    {
      id: 'persons',
      text: 'How many persons does the picture show?',
      kind: 'one',
      answers: [
        { id: 'none', text: 'None', key: '0' },
        { id: 'one', text: 'One', key: '1' },
        { id: 'several', text: 'Several', key: '2' },
      ],
    },
    {
      id: 'gender',
      text: 'Which gender is perceived?',
      kind: 'one',
      gate: { question: 'persons', answers: ['one', 'several'] },
      answers: [
        { id: 'woman', text: 'A woman', key: 'w' },
        { id: 'man', text: 'A man', key: 'm' },
      ],
    },
    {
      id: 'seen',
      text: 'What is seen?',
      kind: 'any',
      answers: [
        { id: 'desk', text: 'A desk', key: 'd' },
        { id: 'tool', text: 'A tool', key: 't' },
      ],
    },
  ],
};

/** Ids of audits that sort behind each other. */
export const auditAt = (place: number): string => `7${String(place).padStart(25, '0')}`;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export type Answered = { status: number; headers: Record<string, string>; body: any; text: string };
/** Routes and statuses that were answered in this process. */
export const SEEN = new Set<string>();
export type Call = (
  method: string,
  target: string,
  about?: { body?: unknown; key?: string; token?: string },
) => Promise<Answered>;

const LOG = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };
/** Where the addresses of these tests lead. */
export const S3_ORIGIN = 'https://images.example/';

/** An API of its own, as if its requests reached another process, which holds each answer to the contract. */
export function ratingApi(ports: Partial<ApiPorts> & { store: ObjectStore; time: Time }): Call {
  const tokens = JSON.stringify([
    { name: 'ann', sha256: createHash('sha256').update('t-audit').digest('hex'), scope: 'audit' },
    { name: 'rob', sha256: createHash('sha256').update('t-read').digest('hex'), scope: 'read' },
  ]);
  const queue = { send: async () => {}, isIdle: async () => true };
  const unused = async (): Promise<never> => {
    throw new Error('nothing is asked of Replicate here');
  };
  const handle = createApi(
    {
      ...{ queue, polls: queue, chance: systemChance, log: LOG },
      replicate: { model: unused, create: unused, get: unused, cancel: unused },
      presign: async (key) => `${S3_ORIGIN}${key}`,
      presignUpload: async () => ({ url: S3_ORIGIN, headers: {} }),
      tokens: async () => tokens,
      ...ports,
    },
    { METRICS_MODELS: 'a/b', SHORT_DAYS: '30', STANDARD_DAYS: '365', SETTLE_SECONDS: '60' },
  );
  return async (method, target, { body, key, token = 't-audit' } = {}) => {
    const query = target.split('?')[1] ?? '';
    const event = {
      routeKey: routeKeyOf(method, target) ?? `${method} ${target}`,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(key ? { 'idempotency-key': key } : {}),
      },
      pathParameters: pathParametersOf(method, target),
      ...(query ? { queryStringParameters: Object.fromEntries(new URLSearchParams(query)) } : {}),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    };
    const {
      statusCode: status,
      headers,
      body: text,
    } = await handle(event as unknown as APIGatewayProxyEventV2, {
      awsRequestId: randomUUID(),
    });
    expectContract(method, target, { status, headers, body: text });
    SEEN.add(`${routeKeyOf(method, target)} ${status}`);
    return { status, headers, body: text === '' ? undefined : JSON.parse(text), text };
  };
}

export const roundRequest = (audits: readonly string[], more: object = {}) => ({
  ...{ name: 'Persons', audits, codebook: CODEBOOK, seed: 5, consent: 'You agree.', notice: 'Be warned.' },
  ...more,
});

/** Makes a round and repeats the request until it is open. @returns its id */
export async function makeRound(
  call: Call,
  audits: readonly string[],
  more: object = {},
  key = 'once',
): Promise<string> {
  for (let turn = 0; turn < 100; turn++) {
    const { status, body, text } = await call('POST', '/api/rounds', {
      body: roundRequest(audits, more),
      key,
    });
    if (status !== 202) throw new Error(text);
    if (body.state === 'open') return body.id;
  }
  throw new Error('the round is never open');
}

/** Gives a slot to a rater. @returns the token */
export const giveSlot = async (call: Call, round: string, slot: number, more: object = {}): Promise<string> =>
  (await call('POST', `/api/rounds/${round}/raters`, { body: { slot, ...more } })).body.token;

/** One answer. */
export const label = (
  item: string,
  question: string,
  answer: Given,
  showing: 1 | 2 = 1,
  at = '2026-02-01T10:00:00.000Z',
): Label => ({ id: randomUUID(), item, question, answer, showing, at });

/** All answers to a picture. */
export const whole = (item: string, gender: 'woman' | 'man' = 'woman', showing: 1 | 2 = 1): Label[] => [
  label(item, 'persons', 'one', showing),
  label(item, 'gender', gender, showing),
  label(item, 'seen', ['desk'], showing),
];

/** All pictures of a rater, page by page. */
export async function allItems(
  call: Call,
  token: string,
): Promise<{ id: string; showing: 1 | 2; place: number; url: string }[]> {
  const items = [];
  let cursor: number | undefined = 0;
  while (cursor !== undefined) {
    const { status, body, text }: Answered = await call('GET', `/api/rate?cursor=${cursor}`, { token });
    if (status !== 200) throw new Error(text);
    items.push(...body.items);
    cursor = body.cursor;
  }
  return items;
}

export const send = (call: Call, token: string, seq: number, answers: readonly Label[]) =>
  call('PUT', `/api/rate/labels/${String(seq).padStart(5, '0')}`, { token, body: { answers } });

/** Whether a route is one of rating rounds. */
export const isOfRounds = (name: string): boolean => /^\w+ \/api\/(rounds|rate)\b/.test(name);
