import { createHash } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { createApi } from '../../lib/handlers/api.ts';
import type { HttpResponse } from '../../lib/http/problem.ts';
import { type Route, refusalsOf } from '../../lib/http/route.ts';
import { ROUTES } from '../../lib/http/routes.ts';
import { createBinding } from '../../lib/records/binding.ts';
import { manifestKey, planKey, settingsKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { recordResult } from '../../lib/records/result.ts';
import { type WaitingReason, writeWaiting } from '../../lib/records/waiting.ts';
import { ReplicateRefusal } from '../../lib/replicate/errors.ts';
import { systemChance } from '../../lib/system.ts';
import { expectContract, pathParametersOf, routeKeyOf } from '../support/contract.ts';
import { named } from '../support/openapi.ts';
import { isOfRounds } from '../support/rounds.ts';
import { FlowCloud, type World } from './world.ts';

/** The handler of the API on its ports: every route, every status, every shape that its answers can have. */

const MINUTE = 60_000;
const ENV = { METRICS_MODELS: 'a/b', SHORT_DAYS: '30', STANDARD_DAYS: '365', SETTLE_SECONDS: '5400' };
const UNKNOWN = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const NO_STUDY = `study-${'0'.repeat(20)}`;
/** A path that names nothing that exists. */
const unknown = (path: string) => path.replace('{audit}', UNKNOWN).replace('{study}', NO_STUDY);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const TOKENS = JSON.stringify([
  { name: 'ann', sha256: sha256('t-audit'), scope: 'audit' },
  { name: 'eve', sha256: sha256('t-read'), scope: 'read' },
]);

let cloud: FlowCloud;
let world: World;
let logged: { message: string; about: Record<string, unknown> | undefined }[];
let tokens: { known: string; fresh: string; fail?: Error };
let handle: (event: APIGatewayProxyEventV2, context: { awsRequestId: string }) => Promise<HttpResponse>;
/** Every answer of this file, as `GET /api/audits 200`. */
const seen = new Set<string>();
let requests = 0;

beforeAll(async () => {
  cloud = await FlowCloud.open();
});
beforeEach(async () => {
  world = await cloud.world();
  logged = [];
  tokens = { known: TOKENS, fresh: TOKENS };
  handle = createApi(
    {
      store: world.images,
      queue: world.queue,
      polls: world.polls,
      replicate: world.replicate,
      presign: async (key) => `https://images.example/${key}?X-Amz-Signature=1`,
      presignUpload: async (key, { sha256 }, seconds) => ({
        url: `https://images.example/${key}?X-Amz-Expires=${seconds}`,
        headers: { 'x-amz-checksum-sha256': sha256 },
      }),
      tokens: async ({ refresh = false } = {}) => {
        if (tokens.fail) throw tokens.fail;
        return refresh ? tokens.fresh : tokens.known;
      },
      time: world.time,
      chance: systemChance,
      log: {
        info: () => {},
        warn: () => {},
        error: (message, about) => void logged.push({ message, about }),
        appendKeys: () => {},
        resetKeys: () => {},
      },
    },
    ENV,
  );
});
afterAll(() => cloud.close());

/** What the function answers to a GET, as it hands it to Lambda. */
function answerOf(target: string, headers: object): Promise<HttpResponse> {
  const event = {
    routeKey: routeKeyOf('GET', target),
    headers: { authorization: 'Bearer t-audit', ...headers },
    pathParameters: pathParametersOf('GET', target),
  };
  return handle(event as unknown as APIGatewayProxyEventV2, { awsRequestId: 'r' });
}

/** Sends a request as API Gateway hands it on, and holds the answer to the contract. */
async function api(
  method: string,
  target: string,
  { body, headers = {}, token = 't-audit' }: { body?: unknown; headers?: object; token?: string } = {},
) {
  const routeKey = routeKeyOf(method, target) ?? `${method} ${target}`;
  const query = target.split('?')[1] ?? '';
  const { statusCode, ...rest } = await handle(
    {
      routeKey,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(query ? { queryStringParameters: Object.fromEntries(new URLSearchParams(query)) } : {}),
      pathParameters: pathParametersOf(method, target),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      isBase64Encoded: false,
    } as unknown as APIGatewayProxyEventV2,
    { awsRequestId: `request-${++requests}` },
  );
  expectContract(method, target, { status: statusCode, ...rest });
  seen.add(`${routeKey} ${statusCode}`);
  return {
    status: statusCode,
    headers: rest.headers,
    body: rest.body === '' ? undefined : JSON.parse(rest.body),
  };
}

const DESIGN = { prompts: ['a nurse'], models: ['a/b'], samples: 1 };
/** An audit of so many cells, requested by way of the API. */
const start = async (samples: number): Promise<string> =>
  (await api('POST', '/api/audits', { body: { ...DESIGN, samples } })).body.id;

describe('what the API answers', () => {
  it('names an audit and where it is, and the same for its Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await api('POST', '/api/audits', { body: DESIGN, headers });
    expect(first.headers.location).toBe(`/api/audits/${first.body.id}`);
    expect((await api('POST', '/api/audits', { body: DESIGN, headers })).body).toEqual(first.body);
    expect(
      (await api('POST', '/api/audits', { body: { ...DESIGN, samples: 2 }, headers })).body.detail,
    ).toContain('used with another body');
    await api('DELETE', `/api/audits/${first.body.id}`);
    expect((await api('POST', '/api/audits', { body: DESIGN, headers })).status).toBe(410);
  });

  it('starts an import, and gives the addresses of its pictures until it is canceled', async () => {
    const pictures = [1, 2, 3].map((bytes) => ({
      prompt: bytes === 3 ? 1 : 0,
      sha256: sha256(String(bytes)),
      bytes,
    }));
    const body = { name: 'mine', model: 'midjourney v7', prompts: ['a nurse', 'a chef'], pictures };
    const headers = { 'idempotency-key': 'import' };
    const first = await api('POST', '/api/imports', { body, headers });
    expect(first.headers.location).toBe(`/api/audits/${first.body.id}`);
    expect((await api('POST', '/api/imports', { body, headers })).body).toEqual(first.body);
    expect((await api('POST', '/api/imports', { body: { ...body, name: 'x' }, headers })).status).toBe(422);
    const wrong = await api('POST', '/api/imports', { body: { ...body, samples: 2 } });
    expect(wrong.body.detail).toContain(
      '"samples" is not a known field (known: name, model, prompts, pictures',
    );
    expect((await api('POST', '/api/imports', { body: 'x'.repeat(5_000_001) })).status).toBe(413);

    const target = `/api/imports/${first.body.id}/addresses`;
    expect((await api('POST', `${target}?limit=2`)).body).toMatchObject({
      addresses: [{ n: 0, url: expect.stringMatching(/X-Amz-Expires=2700$/) }, { n: 1 }],
      cursor: '00002',
    });
    expect((await api('POST', `${target}?limit=101`)).status).toBe(400);
    const { body: plan } = await api('GET', `/api/audits/${first.body.id}/plan`);
    expect(plan).toMatchObject({ source: 'imported', createdBy: 'ann', counts: [2, 1] });
    expect((await api('GET', `/api/audits/${first.body.id}/predictions`)).body.predictions[0]).toMatchObject({
      ...{ model: 'midjourney v7', status: 'waiting', seed: null, seedSource: 'unknown' },
    });
    expect((await api('GET', '/api/audits')).body.audits[0]).toMatchObject({
      name: 'mine',
      source: 'imported',
    });
    await api('POST', `/api/audits/${first.body.id}/cancel`);
    expect((await api('POST', target)).status).toBe(409);
    await api('DELETE', `/api/audits/${first.body.id}`);
    expect((await api('POST', '/api/imports', { body, headers })).status).toBe(410);
  });

  it('says the same createdAt of an audit wherever it says one', async () => {
    // A second passes at each look at the clock.
    world.time.now = () => {
      world.pass(1_000);
      return world.now();
    };
    const id = await start(1);
    const { audits } = (await api('GET', '/api/audits')).body;
    const listed = audits.find((audit: { id: string }) => audit.id === id);
    expect((await api('GET', `/api/audits/${id}`)).body.createdAt).toBe(listed.createdAt);
    expect((await api('GET', `/api/audits/${id}/plan`)).body.createdAt).toBe(listed.createdAt);
  });

  it.each(['', 'ü', 'a'.repeat(256), 'a\nb', 'a\n'])('refuses the Idempotency-Key %j', async (key) => {
    const answer = await api('POST', '/api/audits', { body: DESIGN, headers: { 'idempotency-key': key } });
    expect(answer.body).toMatchObject({
      status: 400,
      detail: 'The header "idempotency-key" must have 1 to 255 printable ASCII characters.',
    });
    expect(await world.keys('')).toEqual([]);
  });

  it('lists audits page by page, each once', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.unshift(await start(1));
      world.pass(1_000);
    }
    const first = await api('GET', '/api/audits?limit=2');
    const second = await api('GET', `/api/audits?limit=2&cursor=${first.body.cursor}`);
    expect([...first.body.audits, ...second.body.audits].map(({ id }) => id)).toEqual(ids);
    expect(second.body.cursor).toBeUndefined();
  });

  it('says what a study has, who may add to it, and that it is full', async () => {
    const audit = await start(1);
    const body = { name: 'Occupations', audits: [audit] };
    const { id } = (await api('POST', '/api/studies', { body })).body;
    const read = { token: 't-read' };
    expect((await api('GET', '/api/studies', read)).body.studies).toMatchObject([
      { id, name: 'Occupations', createdBy: 'ann', audits: [audit] },
    ]);
    expect((await api('GET', `/api/studies/${id}`, read)).body.audits).toMatchObject([{ id: audit }]);
    expect((await api('DELETE', `/api/studies/${id}`, read)).status).toBe(403);
    const others = Array.from({ length: 100 }, (_, place) => `7${String(place).padStart(25, '0')}`);
    for (const other of others) await world.truth.images.create(planKey(other), '{}');
    const full = await api('POST', '/api/studies', { body: { ...body, audits: others } });
    expect(full).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('"Occupations" would have 101. Nothing was added.') },
    });
    expect((await api('DELETE', `/api/studies/${id}/audits/${audit}`)).body.audits).toEqual([]);
    expect((await api('DELETE', `/api/studies/${id}`)).body).toEqual({ id, state: 'deleted' });
  });

  it('says of predictions what they are, from pending to judged, lost, refused and canceled', async () => {
    const audit = await start(8);
    const plan = (await world.endDeps.readPlan(audit))!;
    const end = async (cell: number, outputs: string[], more = {}) => {
      const { id } = await world.succeeded(audit, cell, 0);
      const known = world.replicate.asked.get(id)!;
      known.prediction = { ...known.prediction, output: outputs, ...more };
      return world.finish(plan, cell, known.prediction as never);
    };
    const [sound = '', broken = ''] = world.outputs('x', 2);
    cloud.serve.set(new URL(broken).pathname, (_request, response) =>
      response.writeHead(200, { 'content-length': 4 }).end('text'),
    );
    await end(0, [sound, broken, 'https://elsewhere.example/a.png'], {
      version: 'hidden',
      completed_at: '2026-01-05T09:00:00.123456Z',
      metrics: { predict_time: 1.5 },
      logs: 'Using seed: 12345\nNSFW content detected',
    });
    await end(1, [], { status: 'failed', error: 'flagged as sensitive (E005)' });
    await end(2, [], { status: 'failed', error: 'out of memory' });
    await end(3, [], { status: 'canceled' });
    await world.judgeAndBackUp(audit);
    await end(4, [world.outputs('y', 1)[0]!]);
    await world.truth.images.createJson(`audits/${audit}/dispatched/00005.json`, {
      predictionId: 'p5',
      askedAt: world.now().toISOString(),
      attempt: 1,
    });

    const first = await api('GET', `/api/audits/${audit}/predictions?limit=7`);
    expect(first.body.predictions.map(({ status }: { status: string }) => status)).toEqual([
      'succeeded',
      'refused',
      'failed',
      'canceled',
      'succeeded',
      'running',
      'waiting',
    ]);
    const [all, , , , pending] = first.body.predictions;
    expect(all).toMatchObject({
      version: 'undisclosed',
      seed: 12345,
      seedSource: 'log',
      filtered: 1,
      predictTime: 1.5,
    });
    expect(all.images.map(({ status }: { status: string }) => status)).toEqual(['ok', 'quarantined', 'lost']);
    expect(pending.images).toMatchObject([{ status: 'pending' }]);
    const rest = await api('GET', `/api/audits/${audit}/predictions?cursor=${first.body.cursor}`);
    expect(rest.body).toMatchObject({ predictions: [{ n: 7 }] });
    expect(rest.body.cursor).toBeUndefined();
    expect((await api('GET', `/api/audits/${audit}`)).body.counts).toEqual({
      ...{ waiting: 2, running: 1, succeeded: 2, failed: 1, refused: 1, canceled: 1 },
    });
  });

  it.each([
    { inputs: null, seedSource: 'unknown' },
    { inputs: ['prompt'], seedSource: 'unsupported' },
    { inputs: ['prompt', 'seed'], seedSource: 'sent' },
  ])('says where the seed is from: $seedSource', async ({ inputs, seedSource }) => {
    const openapi = inputs === null ? undefined : named(...inputs);
    world.replicate.facts = { official: false, version: 'f'.repeat(64), openapi };
    const template = { template: 'a {job}', factors: { job: ['nurse'] }, name: 'jobs' };
    const { id } = (await api('POST', '/api/audits', { body: { ...template, models: ['a/b'], samples: 1 } }))
      .body;
    const { predictions } = (await api('GET', `/api/audits/${id}/predictions`)).body;
    expect(predictions).toMatchObject([{ seedSource, factors: { job: 'nurse' }, prompt: 'a nurse' }]);
    const plan = await api('GET', `/api/audits/${id}/plan`);
    expect(plan.body).toMatchObject({ models: [{ inputs, version: 'f'.repeat(64) }], name: 'jobs' });
    expect(plan.headers['cache-control']).toContain('immutable');
  });

  it('says nothing of the rate limit once every prediction has been requested', async () => {
    const plan = await world.accept(2);
    const until = new Date(world.now().getTime() + MINUTE).toISOString();
    const at = world.now().toISOString();
    const request = (n: number) =>
      createBinding(world.truth.images, { plan, n }, 1, { predictionId: `p${n}`, askedAt: at, attempt: 1 });
    const whyItWaits = async () => (await api('GET', `/api/audits/${plan.id}`)).body.waiting?.why;
    const wait = (why: WaitingReason) =>
      writeWaiting(world.truth.images, plan, { why, detail: 'Replicate said so.', at, until });
    await request(0);
    await wait('rate limit');
    expect(await whyItWaits()).toBe('rate limit');
    await request(1);
    expect(await whyItWaits()).toBeUndefined();
    await wait('token');
    expect(await whyItWaits()).toBe('token');
  });

  it('names a crossing by its template, and a list by its first prompt, and says where a name was cut', async () => {
    const factors = { gender: ['female', 'male'], job: ['doctor'] };
    const name = async (design: object) => {
      const body = { ...design, models: ['a/b'], samples: 1 };
      const { id } = (await api('POST', '/api/audits', { body })).body;
      const { audits } = (await api('GET', '/api/audits')).body;
      const listed = audits.find((entry: { id: string }) => entry.id === id);
      return [(await api('GET', `/api/audits/${id}`)).body.name, listed.name];
    };
    const template = 'a photo of a {gender} {job}';
    expect(await name({ template, factors })).toEqual([template, template]);
    const long = `${'very '.repeat(60)}{gender} {job}`;
    expect(await name({ template: long, factors })).toEqual([
      `${long.slice(0, 199)}…`,
      `${long.slice(0, 79)}…`,
    ]);
    expect(await name({ template, factors, name: 'Jobs' })).toEqual(['Jobs', 'Jobs']);
    expect(await name({ prompts: ['a nurse', 'a doctor'] })).toEqual(['a nurse', 'a nurse']);
  });

  it('says what a model does not take, a line for each thing to change', async () => {
    world.replicate.facts = { official: true, version: null, openapi: named('text') };
    const design = { prompts: ['a nurse'], samples: 1, models: ['a/b', 'a/c'], input: { api_key: 'sk-1' } };
    const { status, headers, body } = await api('POST', '/api/audits', { body: design });
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 422,
      type: 'application/problem+json',
    });
    expect(body.errors).toEqual([
      expect.stringMatching(/^The model "a\/b" takes no prompt/),
      expect.stringMatching(/^The model "a\/c" takes no prompt/),
    ]);
    expect(body.detail).toBe(body.errors.join('\n'));
  });

  it('shows the plan of an older audit without the secrets that it holds', async () => {
    const model = {
      model: 'a/b',
      version: null,
      input: { hf_token: 'hf_1' },
      inputs: null,
      seed: 'unknown' as const,
    };
    const { id } = await world.accept(1, { models: [model], input: { api_key: 'sk-1', width: 512 } });
    expect((await api('GET', `/api/audits/${id}/plan`)).body).toMatchObject({
      models: [{ input: { hf_token: '[redacted]' } }],
      input: { api_key: '[redacted]', width: 512 },
    });
  });

  it('says why an audit waits, and that it is being canceled', async () => {
    const audit = await start(2);
    const until = new Date(world.now().getTime() + MINUTE).toISOString();
    const waiting = { why: 'credit', detail: 'No credit.', at: world.now().toISOString(), until } as const;
    const about = { id: audit, retention: 'standard' } as const;
    await writeWaiting(world.truth.images, about, waiting);
    expect((await api('GET', `/api/audits/${audit}`)).body).toMatchObject({ state: 'running', waiting });
    await writeWaiting(world.truth.images, about, { ...waiting, why: 'rate limit' });
    expect((await api('GET', `/api/audits/${audit}`)).body.waiting).toMatchObject({ why: 'rate limit' });
    expect((await api('POST', `/api/audits/${audit}/cancel`)).body).toEqual({
      id: audit,
      state: 'canceling',
    });
    expect((await api('GET', `/api/audits/${audit}`)).body.state).toBe('canceling');
  });

  it('sends to the manifest when it is written, and to nobody before; a finished audit cannot be canceled', async () => {
    const audit = await start(1);
    const early = await api('GET', `/api/audits/${audit}/manifest?format=csv`);
    expect([early.status, early.headers['retry-after']]).toEqual([409, '10']);
    await world.truth.images.create(manifestKey(audit, 'json'), '{}', { metadata: { succeeded: '1' } });
    const { status, headers } = await api('GET', `/api/audits/${audit}/manifest`);
    expect([status, headers.location]).toEqual([
      303,
      `https://images.example/${manifestKey(audit, 'json')}?X-Amz-Signature=1`,
    ]);
    expect((await api('POST', `/api/audits/${audit}/cancel`)).status).toBe(409);
    expect((await api('GET', `/api/audits/${audit}`)).body).toMatchObject({
      state: 'finished',
      manifest: true,
    });
    expect((await api('GET', '/api/audits')).body.audits).toMatchObject([{ id: audit, finished: true }]);
  });

  it('says what is left of the month’s budget, and refuses what does not fit with the numbers', async () => {
    await world.truth.images.replaceJson(settingsKey, {
      monthly: 1,
      prices: { 'a/b': { perPrediction: 0.04 } },
    });
    await start(20);
    expect((await api('GET', '/api/budget')).body).toMatchObject({
      monthly: 1,
      reserved: 0.8,
      spent: 0,
      left: 0.2,
    });
    const { status, body } = await api('POST', '/api/audits', { body: { ...DESIGN, samples: 6 } });
    expect({ status, body }).toMatchObject({ status: 402, body: { needed: 0.24, left: 0.2 } });
    expect(body.detail).toContain('may cost $0.24, and $0.20 of this month');
  });

  it('offers models and days, says what the token allows, and describes itself to anybody', async () => {
    const offered = { models: ['a/b'], retentionDays: { short: 30, standard: 365 } };
    expect((await api('GET', '/api/models')).body).toEqual({ scope: 'audit', ...offered });
    const reading = await api('GET', '/api/models', { token: 't-read' });
    expect(reading.body).toEqual({ scope: 'read', ...offered });
    expect((await api('GET', '/api/openapi.json', { token: '' })).body.openapi).toBe('3.1.0');
  });
});

describe('what the API refuses', () => {
  it.each([
    ['?limt=5', 'Unknown query parameter `limt` for GET /api/audits. Known: cursor, limit.'],
    ['?limit=0', 'The query parameter "limit" must be a whole number from 1 to 100.'],
    ['?limit=101', 'The query parameter "limit" must be a whole number from 1 to 100.'],
    ['?limit=1e1', 'The query parameter "limit" must be a whole number from 1 to 100.'],
    ['?cursor=../..', 'The query parameter "cursor" must be what an earlier answer gave as "cursor".'],
    [
      `/${UNKNOWN}?__proto__=1`,
      'Unknown query parameter `__proto__` for GET /api/audits/{audit}. It takes none.',
    ],
    [`/${UNKNOWN}/manifest?format=xml`, 'The query parameter "format" must be json or csv.'],
    [
      `/${UNKNOWN}/predictions?cursor=1`,
      'The query parameter "cursor" must be the five-digit number of a cell.',
    ],
  ])('%s is answered 400 in words that say what to change', async (query, detail) => {
    expect((await api('GET', `/api/audits${query}`)).body).toMatchObject({ status: 400, detail });
  });

  it('an unknown query parameter on every route', async () => {
    for (const name of Object.keys(ROUTES)) {
      const [method = '', path = ''] = name.split(' ');
      const { status, body } = await api(method, `${unknown(path)}?${'x'.repeat(100)}=1`);
      expect(status).toBe(400);
      expect(body.detail).toContain(`Unknown query parameter \`${'x'.repeat(40)}\` for ${name}.`);
    }
  });

  it('a cursor behind the last cell', async () => {
    const audit = await start(3);
    expect((await api('GET', `/api/audits/${audit}/predictions?cursor=00003`)).body).toMatchObject({
      status: 400,
      detail: 'The query parameter "cursor" must be the number of a cell of this audit: 00000 to 00002.',
    });
  });

  it('a token that is missing or unknown on every route but the description, and one that may only read', async () => {
    for (const [name, { scope }] of Object.entries(ROUTES)) {
      const [method = '', path = ''] = name.split(' ');
      const target = unknown(path);
      const status = scope ? 401 : 200;
      expect((await api(method, target, { token: '' })).status).toBe(status);
      expect((await api(method, target, { token: 'nobody' })).status).toBe(status);
      if (scope === 'audit') expect((await api(method, target, { token: 't-read' })).status).toBe(403);
    }
    expect(await world.keys('')).toEqual([]);
  });

  it.each(['[]', '{', '"text"'])(
    'no token that is in the parameter, while the cached list is %s',
    async (list) => {
      tokens.known = list;
      expect((await api('GET', '/api/audits')).status).toBe(200);
    },
  );

  it('an audit that is not there, on every route that names one', async () => {
    for (const name of Object.keys(ROUTES).filter((known) => known.includes('{audit}'))) {
      const [method = '', path = ''] = name.split(' ');
      for (const audit of [UNKNOWN, '..%2Fdeleted'])
        expect((await api(method, unknown(path.replace('{audit}', audit)))).status).toBe(404);
    }
  });

  it('a study that is not there, on every route that names one', async () => {
    for (const name of Object.keys(ROUTES).filter((known) => known.includes('{study}'))) {
      const [method = '', path = ''] = name.split(' ');
      for (const study of [NO_STUDY, '..%2Fledger%2F2026-11'])
        expect((await api(method, unknown(path.replace('{study}', study)))).status).toBe(404);
    }
    expect(await world.keys('')).toEqual([]);
  });

  it('a study without a name, with an audit that does not exist, or with too many, and nothing is written', async () => {
    const body = { name: ' ', audits: [UNKNOWN, 'x'], title: '' };
    expect((await api('POST', '/api/studies', { body })).body.errors).toEqual([
      '"name" must not be empty',
      '"audits[1]" must be the id of an audit: 26 characters',
      '"title" is not a known field (known: name, audits)',
    ]);
    expect((await api('POST', '/api/studies', { body: '{' })).status).toBe(400);
    expect((await api('POST', '/api/studies', { body: ' '.repeat(5_000_001) })).status).toBe(413);
    const missing = await api('POST', '/api/studies', { body: { name: 'a', audits: [UNKNOWN] } });
    expect(missing).toMatchObject({ status: 404, body: { detail: expect.stringContaining(UNKNOWN) } });
    const many = Array.from({ length: 101 }, () => UNKNOWN);
    expect((await api('POST', '/api/studies', { body: { name: 'a', audits: many } })).body.detail).toContain(
      '"audits" must have at most 100 audits',
    );
    expect(await world.keys('')).toEqual([]);
  });

  it('a change of a study that others change all the time', async () => {
    const { id } = (await api('POST', '/api/studies', { body: { name: 'busy' } })).body;
    const swap = world.images.swapJson;
    world.images.swapJson = async () => undefined;
    world.images.within = () => world.images;
    const audit = await start(1);
    for (const [method, target, body] of [
      ['POST', '/api/studies', { name: 'busy', audits: [audit] }],
      ['DELETE', `/api/studies/${id}`, undefined],
    ] as const)
      expect(await api(method, target, { body })).toMatchObject({
        status: 503,
        headers: { 'retry-after': '5' },
      });
    world.images.swapJson = swap;
    await api('POST', '/api/studies', { body: { name: 'busy', audits: [audit] } });
    world.images.swapJson = async () => undefined;
    expect((await api('DELETE', `/api/studies/${id}/audits/${audit}`)).status).toBe(503);
  });

  it('a body that is no JSON, too large, or no design, and a model that Replicate does not describe', async () => {
    expect((await api('POST', '/api/audits', { body: '{' })).status).toBe(400);
    expect((await api('POST', '/api/audits', { body: ' '.repeat(5_000_001) })).status).toBe(413);
    expect(
      (await api('POST', '/api/audits', { body: { ...DESIGN, samples: 0, seed: -1 } })).body,
    ).toMatchObject({
      status: 422,
      errors: ['"samples" must be at least 1', '"seed" must be at least 0'],
    });
    for (const [refused, status] of [
      [404, 422],
      [401, 502],
      [429, 503],
    ] as const) {
      world.replicate.model = async () => {
        throw new ReplicateRefusal(refused, 'No.', undefined);
      };
      expect((await api('POST', '/api/audits', { body: DESIGN })).status).toBe(status);
    }
    expect(await world.keys('')).toEqual([]);
  });

  it('every request while the tokens cannot be read, with nothing but the request ID: the log has the error', async () => {
    const error = new Error('the parameter store is down');
    tokens.fail = error;
    // Tokens of raters are in S3.
    const failing = Object.keys(ROUTES).filter((name) => ![undefined, 'rate'].includes(ROUTES[name]?.scope));
    for (const name of failing) {
      const [method = '', path = ''] = name.split(' ');
      expect((await api(method, unknown(path))).body).toMatchObject({
        status: 500,
        detail: `The request failed on our side. Try again. If it persists, give an operator this request ID: request-${requests}`,
      });
    }
    expect(logged).toEqual(failing.map((name) => ({ message: `${name} failed`, about: { error } })));
  });

  it('an answer that Lambda cannot send uncompressed, and says how to get it', async () => {
    const numbers = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(4, '0'));
    const { body } = await api('POST', '/api/audits', {
      body: {
        ...{ models: ['a/b'], samples: 1, factors: { n: numbers, of: ['护'.repeat(200)] } },
        template: `{n}${'{of}'.repeat(9)}${'护'.repeat(190)}`,
      },
    });
    const plan = (await world.truth.images.readJson<Plan>(planKey(body.id)))!.value;
    const at = world.now().toISOString();
    for (let n = 0; n < 100; n++)
      await recordResult(world.images, plan, {
        ...{ audit: plan.id, cell: n, model: 'a/b', sent: { input: {} }, status: 'failed', seed: 1 },
        ...{ seedSource: 'sent', asked: 1, returned: 0, filtered: 0, images: [], askedAt: at, storedAt: at },
        error: `${n} ${'x'.repeat(64_000)}`,
      });
    for (const target of [`/api/audits/${plan.id}/plan`, `/api/audits/${plan.id}/predictions`]) {
      const { status, body: problem } = await api('GET', target);
      expect([status, problem.detail]).toEqual([406, expect.stringMatching(/Accept-Encoding: gzip/)]);
      const packed = await answerOf(target, { 'accept-encoding': 'gzip' });
      expect(Buffer.byteLength(JSON.stringify(packed))).toBeLessThan(6_291_556);
      expect(packed).toMatchObject({ statusCode: 200, headers: { 'content-encoding': 'gzip' } });
    }
    expect((await api('GET', `/api/audits/${plan.id}/predictions?limit=50`)).status).toBe(200);
  });

  it('a route that there is not', async () => {
    const { statusCode, body } = await handle({ routeKey: 'GET /api/nothing', headers: {} } as never, {
      awsRequestId: 'r',
    });
    expect([statusCode, JSON.parse(body).detail]).toEqual([
      404,
      'There is no GET /api/nothing. GET /api/openapi.json lists the routes that there are.',
    ]);
  });
});

/** What all routes refuse alike; what else those of rating rounds answer, `rounds.test.ts` shows. */
const promisedHere = (name: string, route: Route) =>
  isOfRounds(name)
    ? [400, 401, ...(route.scope === 'audit' ? [403] : []), ...(route.scope === 'rate' ? [] : [500])]
    : [route.status, ...Object.keys(refusalsOf(name, route))];

/** Last: it looks at all answers of this file. */
it('the contract promises no status that was not seen here', () => {
  const promised = Object.entries(ROUTES).flatMap(([name, route]) =>
    promisedHere(name, route).map((status) => `${name} ${status}`),
  );
  expect(promised.filter((answer) => !seen.has(answer)).sort()).toEqual([]);
});
