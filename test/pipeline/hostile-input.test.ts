import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createCanvas } from '@napi-rs/canvas';
import { Webhook } from 'standardwebhooks';
import { LOCAL_TOKENS } from '../../local/secrets.ts';
import { withCloud } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

/** What nobody should send, sent to the whole pipeline on one machine: over HTTP, to the deployed handlers. */

const BUCKETS = ['weaudit-local-000000000000-images', 'weaudit-local-000000000000-backup'] as const;
const [IMAGES] = BUCKETS;
const LIMIT = 3_000_000;
/** It must not appear in any log. */
const PROMPT = 'a quokka-shaped prompt that only this test uses';
const EXPIRED_TOKEN = 'this-token-has-expired';

const canvas = createCanvas(64, 64);
canvas.getContext('2d').fillRect(8, 8, 20, 20);
const PNG = canvas.encodeSync('png');
const HUGE_CLAIM = Buffer.from(PNG);
HUGE_CLAIM.writeUInt32BE(30_000, 16);
HUGE_CLAIM.writeUInt32BE(30_000, 20);

const send =
  (bytes: Buffer, headers: http.OutgoingHttpHeaders = {}) =>
  (response: http.ServerResponse) =>
    response
      .writeHead(200, { 'content-length': bytes.length, 'content-type': 'image/png', ...headers })
      .end(bytes);
const zeros = (bytes: number) => Buffer.alloc(bytes);

/** What the server of outputs answers, by path. */
const OUTPUTS: Record<string, (response: http.ServerResponse) => void> = {
  '/page.html': send(Buffer.from('<!doctype html><script>alert(1)</script>')),
  '/script.svg': send(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')),
  '/truncated.png': send(PNG.subarray(0, -20)),
  '/claims-30000-squared.png': send(HUGE_CLAIM),
  '/no-length.png': (response) => response.writeHead(200).end(PNG),
  '/limit': send(zeros(LIMIT)),
  '/limit-and-one': send(zeros(LIMIT + 1)),
  '/limit-and-one-without-length': (response) => response.writeHead(200).end(zeros(LIMIT + 1)),
  '/empty': send(zeros(0)),
  '/endless': (response) => {
    const more = () => response.destroyed || response.write(zeros(65_536), more);
    more();
  },
  // 3 kB that expand to 3 MB.
  '/expands': send(gzipSync(zeros(LIMIT)), { 'content-encoding': 'gzip' }),
  '/redirect': (response) =>
    response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
};
const server = http.createServer((request, response) => OUTPUTS[request.url ?? '']?.(response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const ORIGIN = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const local = withCloud({
  // Predictions do not end by themselves: every webhook is one of ours.
  predictionSeconds: 3_600,
  amend(stack) {
    for (const { environment } of stack.functions) {
      if ('OUTPUT_ORIGINS' in environment) environment.OUTPUT_ORIGINS += `,${ORIGIN}`;
      if ('MAX_IMAGE_BYTES' in environment) environment.MAX_IMAGE_BYTES = String(LIMIT);
      // Nor does poll look after them.
      if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '54000';
    }
    return stack;
  },
});

async function listed(bucket: string): Promise<string[]> {
  const { Contents = [] } = await local.s3().send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key, ETag }) => `${Key} ${ETag}`);
}
/** Every object of both buckets, once nothing is under way. Messages of polls wait for predictions that do not end. */
async function everything(): Promise<string[][]> {
  await waitFor('nothing is under way', () => {
    const { queues, pendingEvents } = local.cloud;
    const [cells, polls] = ['cells', 'polls'].map((name) => queues.counts(`weaudit-local-${name}`));
    const messages = cells!.visible + cells!.inFlight + cells!.delayed + polls!.visible + polls!.inFlight;
    return messages + pendingEvents() === 0;
  });
  return Promise.all(BUCKETS.map(listed));
}

const secret = () => local.cloud.parameters.get('/weaudit/local/webhook-secrets') ?? '';
const signed = (body: string, id = 'msg_1') => ({
  'webhook-id': id,
  'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
  'webhook-signature': new Webhook(secret()).sign(id, new Date(), body),
});

const CELLS = 40;
let audit: string;
let next = 0;
/** A cell that no test has used yet. */
const freshCell = () => String(next++).padStart(5, '0');

/** What Replicate would say of a cell's prediction, which the pipeline asked for. */
async function webhookBody(cell: string, output: unknown): Promise<string> {
  const created = await waitFor(`cell ${cell} is asked for`, () =>
    (local.cloud.standIn?.log() ?? []).find(
      (entry) => entry.kind === 'create' && entry.webhook?.endsWith(`/${audit}/${cell}`),
    ),
  );
  const { prediction: id, webhook } = created as { prediction: string; webhook: string };
  const now = new Date().toISOString();
  return JSON.stringify({ id, webhook, status: 'succeeded', output, created_at: now, completed_at: now });
}

const post = (cell: string, body: string | Buffer, headers: Record<string, string>) =>
  fetch(`${local.cloud.endpoints.api}/webhooks/replicate/${audit}/${cell}`, {
    method: 'POST',
    body: body as string,
    headers: { 'content-type': 'application/json', ...headers },
  });

async function resultOf(cell: string) {
  const { body } = await local.api('GET', `/api/audits/${audit}/predictions?cursor=${cell}&limit=1`);
  return body.predictions[0];
}

/** Delivers a prediction that ended with this output, and gives what became of its cell. */
async function deliver(output: unknown) {
  const cell = freshCell();
  const body = await webhookBody(cell, output);
  expect((await post(cell, body, signed(body))).status).toBe(200);
  return { cell, result: await resultOf(cell) };
}

beforeAll(async () => {
  const tokens = JSON.parse(local.cloud.parameters.get('/weaudit/local/api-tokens') ?? '[]');
  const sha256 = createHash('sha256').update(EXPIRED_TOKEN).digest('hex');
  tokens.push({ name: 'gone', sha256, scope: 'audit', expires: '2026-01-01T00:00:00Z' });
  local.cloud.parameters.put('/weaudit/local/api-tokens', JSON.stringify(tokens));
  const design = { prompts: [PROMPT], models: ['simulated/portrait'], samples: CELLS };
  audit = (await local.api('POST', '/api/audits', design)).body.id;
});

describe('bytes that are not a valid image', () => {
  it.each(['/page.html', '/truncated.png', '/claims-30000-squared.png', '/limit'])(
    '%s are kept as evidence, quarantined, and opened by nobody outside the pipeline',
    async (path) => {
      const { cell } = await deliver([ORIGIN + path]);
      const Key = `images/${audit}/${cell}/0`;
      const tags = await waitFor('it is judged', async () => {
        const { TagSet = [] } = await local.s3().send(new GetObjectTaggingCommand({ Bucket: IMAGES, Key }));
        return !TagSet.some(({ Value }) => Value === 'pending') && TagSet;
      });
      expect(tags).toContainEqual({ Key: 'status', Value: 'quarantined' });
      const image = (
        await waitFor('the page is told', async () => {
          const result = await resultOf(cell);
          return result.images[0].status === 'quarantined' && result;
        })
      ).images[0];
      expect(image.url).toBeUndefined();

      const kept = await local.s3().send(new GetObjectCommand({ Bucket: IMAGES, Key }));
      expect((await kept.Body?.transformToByteArray())?.length).toBe(image.bytes);
      const asApi = await getSignedUrl(local.s3('api'), new GetObjectCommand({ Bucket: IMAGES, Key }));
      expect((await fetch(asApi)).status).toBe(403);
      expect((await fetch(asApi.split('?')[0] ?? '')).status).toBe(403);
    },
  );

  it('/script.svg is shown as a rendition without its script, and an address of it that is opened saves it', async () => {
    const { cell } = await deliver([`${ORIGIN}/script.svg`]);
    const image = await waitFor('it is judged', async () => {
      const result = await resultOf(cell);
      return result.images[0].status === 'ok' && result.images[0];
    });
    expect(image).toMatchObject({ format: 'svg', width: 300, height: 150 });
    const [original, rendition] = await Promise.all([fetch(image.url), fetch(image.rendition)]);
    expect(original.headers.get('content-type')).toBe('image/svg+xml');
    expect(original.headers.get('content-disposition')).toMatch(/^attachment; filename=".*\.svg"$/);
    expect([rendition.status, rendition.headers.get('content-type')]).toEqual([200, 'image/webp']);
  });

  it.each([
    ['/limit-and-one', /^too large: more than 3000000 bytes$/],
    ['/limit-and-one-without-length', /^too large/],
    ['/endless', /^too large/],
    ['/empty', /^the output is empty$/],
    ['/expands', /compressed \(gzip\)/],
    ['/redirect', /redirects, which is not followed/],
  ])('%s are not stored, and the result says why', async (path, why) => {
    const { cell, result } = await deliver([ORIGIN + path]);
    expect(result.images).toEqual([{ index: 0, status: 'lost', error: expect.stringMatching(why) }]);
    const head = local.s3().send(new HeadObjectCommand({ Bucket: IMAGES, Key: `images/${audit}/${cell}/0` }));
    await expect(head).rejects.toMatchObject({ name: 'NotFound' });
  });

  it('without a length are stored like any other output', async () => {
    const { cell } = await deliver([`${ORIGIN}/no-length.png`]);
    const found = await waitFor('it is judged', async () => {
      const [image] = (await resultOf(cell)).images;
      return image.status === 'ok' && image;
    });
    expect(found).toMatchObject({ bytes: PNG.length, width: 64, height: 64 });
  });
});

describe('addresses of outputs', () => {
  it('to other hosts are not fetched, the result names each with its reason, and the valid one next to them is stored', async () => {
    const { cell, result } = await deliver([
      'http://replicate.delivery/a.png',
      'https://replicate.delivery.evil.example/a.png',
      'https://replicate.delivery@evil.example/a.png',
      'https://169.254.169.254/latest/meta-data/',
      'https://replicate.delivery:8443/a.png',
      `https://replicate.delivery/${'a'.repeat(100_000)}`,
      'data:text/html,<script>alert(1)</script>',
      `data:image/png;base64,${PNG.toString('base64')}`,
    ]);
    const lost = result.images.filter(({ status }: { status: string }) => status === 'lost');
    expect(lost.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    for (const { error } of lost) expect(error.length).toBeLessThan(300);
    expect(result.images[7]).toMatchObject({ index: 7, bytes: PNG.length });
    // A page in a data: URI is kept as evidence, and shown to no one.
    await waitFor(
      'the page is judged',
      async () => (await resultOf(cell)).images[6].status === 'quarantined',
    );
    expect((await resultOf(cell)).images[6]).not.toHaveProperty('url');
  });

  it('of a file or a script are no outputs, and ten thousand are bounded and counted', async () => {
    const none = await deliver(['file:///etc/passwd', 'javascript:alert(1)']);
    expect(none.result.images.every(({ status }: { status: string }) => status === 'lost')).toBe(true);
    const { result } = await deliver(Array.from({ length: 10_000 }, () => 'http://evil.example/a.png'));
    expect(result.returned).toBe(10_000);
    expect(result.images.length).toBeLessThan(200);
  });
});

describe('a delivery', () => {
  it('whose body came in base64 and whose headers are in capitals is taken', async () => {
    const cell = freshCell();
    const body = await webhookBody(cell, [`${ORIGIN}/no-length.png`]);
    const headers = Object.fromEntries(
      Object.entries(signed(body)).map(([name, value]) => [name.toUpperCase(), value]),
    );
    // With this type API Gateway hands on bytes, not text.
    const answer = await post(cell, Buffer.from(body), {
      ...headers,
      'content-type': 'application/octet-stream',
    });
    expect(answer.status).toBe(200);
    expect((await resultOf(cell)).status).toBe('succeeded');
  });

  it.each<[string, number, (body: string) => [string, Record<string, string>]]>([
    ['without its headers', 401, (body) => [body, {}]],
    ['without a signature', 401, (body) => [body, { ...signed(body), 'webhook-signature': '' }]],
    ['with its id twice', 401, (body) => [body, { ...signed(body), 'webhook-id': 'msg_1, msg_1' }]],
    [
      'with two times',
      401,
      (body) => [body, { ...signed(body), 'webhook-timestamp': `${signed(body)['webhook-timestamp']}, 1` }],
    ],
    ['with the signature of another id', 401, (body) => [body, { ...signed(body), 'webhook-id': 'msg_2' }]],
    ['that is empty', 400, () => ['', signed('')]],
    ['that is no JSON', 400, () => ['<xml/>', signed('<xml/>')]],
    [
      'nested 100,000 deep, and nothing else',
      422,
      () => {
        const deep = '['.repeat(100_000) + ']'.repeat(100_000);
        return [deep, signed(deep)];
      },
    ],
    [
      'of 6 MB that are no prediction',
      422,
      () => {
        const large = JSON.stringify({ padding: 'x'.repeat(6_000_000) });
        return [large, signed(large)];
      },
    ],
  ])('%s is answered %i and changes nothing', async (_what, status, make) => {
    const cell = String(next).padStart(5, '0');
    const body = await webhookBody(cell, [`${ORIGIN}/no-length.png`]);
    const before = await everything();
    const answer = await post(cell, ...make(body));
    expect(answer.status).toBe(status);
    expect((await answer.json()) as object).toMatchObject({ status, detail: expect.stringMatching(/\w{3}/) });
    expect(await everything()).toEqual(before);
  });

  it('replayed after its five minutes is refused, and before that changes nothing', async () => {
    const cell = freshCell();
    const body = await webhookBody(cell, [`${ORIGIN}/no-length.png`]);
    const headers = signed(body);
    await post(cell, body, headers);
    const before = await everything();
    expect(await (await post(cell, body, headers)).json()).toEqual({ outcome: 'already' });
    const stale = new Date(Date.now() - 301_000);
    const old = await post(cell, body, {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(stale.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret()).sign('msg_1', stale, body),
    });
    expect(old.status).toBe(401);
    expect(await everything()).toEqual(before);
  });
});

describe('a request to the API', () => {
  const good = { prompts: ['x'], models: ['simulated/portrait'], samples: 1 };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it.each<[string, number, string, string, unknown, Record<string, string>]>([
    ['without a token', 401, 'POST', '/api/audits', good, { authorization: '' }],
    ['with a wrong token', 401, 'POST', '/api/audits', good, bearer('wrong')],
    ['with an expired token', 401, 'POST', '/api/audits', good, bearer(EXPIRED_TOKEN)],
    ['with a token for reading', 403, 'POST', '/api/audits', good, bearer(LOCAL_TOKENS.read)],
    [
      'to delete, with a token for reading',
      403,
      'DELETE',
      '/api/audits/AUDIT',
      undefined,
      bearer(LOCAL_TOKENS.read),
    ],
    ['for an id that climbs', 404, 'GET', '/api/audits/..%2F..%2Fdeleted', undefined, {}],
    ['for an id that climbs, to delete', 404, 'DELETE', '/api/audits/%2e%2e%2f%2e%2e', undefined, {}],
    ['with an edited cursor', 400, 'GET', '/api/audits?cursor=..%2F..', undefined, {}],
    [
      'with an edited cursor of cells',
      400,
      'GET',
      '/api/audits/AUDIT/predictions?cursor=99999',
      undefined,
      {},
    ],
    [
      'with a cursor of cells that is none',
      400,
      'GET',
      '/api/audits/AUDIT/predictions?cursor=-1',
      undefined,
      {},
    ],
    ['with a limit of a million', 400, 'GET', '/api/audits?limit=1000000', undefined, {}],
    ['with an unknown query parameter', 400, 'GET', '/api/audits?admin=true', undefined, {}],
    ['with an unknown field', 422, 'POST', '/api/audits', { ...good, promts: [] }, {}],
    [
      'with a field of the prototype',
      422,
      'POST',
      '/api/audits',
      JSON.parse('{"__proto__": {"samples": 1}}'),
      {},
    ],
    [
      'with too many cells',
      422,
      'POST',
      '/api/audits',
      { ...good, prompts: Array.from({ length: 1_000 }, (_, i) => `x${i}`), samples: 11 },
      {},
    ],
    ['with control characters', 422, 'POST', '/api/audits', { ...good, prompts: ['a\u0000b\u001b[31m'] }, {}],
    [
      'with a nested factor',
      422,
      'POST',
      '/api/audits',
      { ...good, prompts: undefined, template: '{a{b}}', factors: { a: ['1'] } },
      {},
    ],
    [
      'with an Idempotency-Key of 10,000 characters',
      400,
      'POST',
      '/api/audits',
      good,
      { 'idempotency-key': 'k'.repeat(10_000) },
    ],
  ])('%s is answered %i in words and changes nothing', async (_what, status, method, path, body, headers) => {
    const before = await everything();
    const answer = await local.api(method, path.replace('AUDIT', audit), body, headers);
    expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
      status,
      type: 'application/problem+json',
    });
    expect(answer.body.detail).toMatch(/\w+ \w+ \w+/);
    expect(await everything()).toEqual(before);
  });

  it('that fails on our side is answered with a request ID, and the log has the error under it', async () => {
    const parameter = '/weaudit/local/api-tokens';
    const tokens = local.cloud.parameters.get(parameter) ?? '';
    local.cloud.parameters.put(parameter, '["a token" in the clear]');
    try {
      // Tokens are read again for an unknown one, if they were not read a moment ago.
      const { body } = await waitFor('the list of tokens is read', async () => {
        const answer = await local.api('GET', '/api/audits', undefined, bearer('unknown'));
        return answer.status === 500 && answer;
      });
      const id = /request ID: (\S+)$/.exec(body.detail)?.[1];
      expect(local.logged('api')).toContainEqual(
        expect.objectContaining({
          level: 'ERROR',
          message: 'GET /api/audits failed',
          function_request_id: id,
          error: expect.objectContaining({ message: expect.stringContaining('weaudit setup') }),
        }),
      );
      expect(local.cloud.logs('api').join()).not.toContain('in the clear');
    } finally {
      local.cloud.parameters.put(parameter, tokens);
    }
    await waitFor(
      'the repaired list is read',
      async () => (await local.api('GET', '/api/audits')).status === 200,
    );
  });

  it('whose prompts hold right-to-left marks, emoji and 2,000 characters leaves legal metadata and tags, and gives them back to the letter', async () => {
    const prompts = ['\u200f\u202eطبيب', '👩🏽‍⚕️ «médecin» & <b>"x"</b>', 'é'.repeat(2_000)];
    const name = `${'ÄÖ👩🏽‍⚕️ '.repeat(15)}\u202e%0d%0a`.trim();
    const { status, body } = await local.api('POST', '/api/audits', {
      ...good,
      prompts,
      name,
      retention: 'short',
    });
    expect(status).toBe(202);
    const seen = await local.api('GET', `/api/audits/${body.id}/predictions`);
    expect(seen.body.predictions.map(({ prompt }: { prompt: string }) => prompt)).toEqual(prompts);
    const { body: list } = await local.api('GET', '/api/audits?limit=1');
    // A list shows as much of a name as an object's metadata holds.
    expect(list.audits[0].id).toBe(body.id);
    const shown = list.audits[0].name;
    expect(shown.length).toBeGreaterThan(50);
    expect(shown).toMatch(/…$/);
    expect(name.startsWith(shown.slice(0, -1))).toBe(true);
    expect((await local.api('GET', `/api/audits/${body.id}`)).body.name).toBe(name);
    const head = await local
      .s3()
      .send(new HeadObjectCommand({ Bucket: IMAGES, Key: `audits/${body.id}/audit.json` }));
    for (const value of Object.values(head.Metadata ?? {})) expect(value).toMatch(/^[\x20-\x7e]*$/);
  });
});

/** Last: it looks at what all of the above left behind. */
describe('all of this', () => {
  it('took the webhook no more than half of its memory', () => {
    const peaks = local.cloud
      .logs('webhook')
      .flatMap((line) => /Max Memory Used: (\d+) MB/.exec(line)?.[1] ?? []);
    expect(peaks.length).toBeGreaterThan(CELLS / 2);
    expect(Math.max(...peaks.map(Number))).toBeLessThan(512 / 2);
  });

  it('left no secret, no prompt, no token, no signature and no address of an output in any log', () => {
    const functions = local.cloud.stack.functions.map(({ key }) => key);
    // The name of a function, which its log lines have, ends like its local secret key.
    const logs = functions
      .flatMap((key) => local.cloud.logs(key))
      .join('\n')
      .replaceAll(/\bweaudit-local-\w+/g, '');
    expect(logs).toContain('webhook refused');
    const hidden = [
      PROMPT,
      'quokka',
      EXPIRED_TOKEN,
      secret(),
      secret().replace('whsec_', ''),
      local.cloud.parameters.get('/weaudit/local/replicate-token') ?? '?',
      ...functions.map((key) => local.cloud.access.functionKey(key).secretAccessKey),
      'Bearer ',
      'X-Amz-Signature',
      'v1,',
      ORIGIN,
    ];
    for (const text of hidden) {
      expect(text.length).toBeGreaterThan(2);
      expect(logs).not.toContain(text);
    }
  });
});
