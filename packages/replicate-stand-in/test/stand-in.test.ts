import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadImage } from '@napi-rs/canvas';
import Replicate from 'replicate';
import { Webhook } from 'standardwebhooks';
import { waitFor } from '../../../test/support/wait-for.ts';
import { openStandIn, type StandIn, type StandInEvent, type StandInOptions } from '../server.ts';
import { RETRY_SECONDS } from '../webhooks.ts';
import { HONEST_WIRES, type Wires } from '../wires.ts';

const TOKEN = 'r8_simulated';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const HOUR = 3_600_000;

interface Body {
  id: string;
  status: string;
  input: Record<string, unknown>;
  output: unknown;
  logs: string;
  error: string | null;
  data_removed: boolean;
  [key: string]: unknown;
}

interface Received {
  headers: Record<string, string>;
  body: string;
  json: Body;
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const listen = async (handler: http.RequestListener): Promise<{ origin: string; close(): Promise<void> }> => {
  const server = http.createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const tempFolder = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'replicate-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** Takes webhooks; `answers` are given one after the other, then 200. null: no answer at all. */
const receiver = async (answers: (number | null)[] = []) => {
  const received: Received[] = [];
  const { origin, close } = await listen((req, res) => {
    let body = '';
    req.setEncoding('utf8');
    req.on('data', (piece) => {
      body += piece;
    });
    req.on('end', () => {
      received.push({ headers: req.headers as Record<string, string>, body, json: JSON.parse(body) });
      const status = answers.length > 0 ? answers.shift()! : 200;
      if (status === null) req.socket.destroy();
      else res.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  closers.push(close);
  return { received, address: `${origin}/webhooks/replicate/a/00001`, origin };
};

const start = async (given: Partial<StandInOptions> = {}, wires?: Wires) => {
  let skipped = 0;
  let standIn: StandIn | undefined;
  const { origin, close } = await listen((req, res) => void standIn?.handle(req, res));
  const dataDir = given.dataDir ?? (await tempFolder());
  standIn = await openStandIn(
    {
      dataDir,
      baseUrl: origin,
      token: TOKEN,
      webhookSecret: SECRET,
      createsPerMinute: 60_000,
      seconds: 0.02,
      now: () => new Date(Date.now() + skipped),
      webhookRetrySeconds: [0.02, 0.04, 0.08],
      ...given,
    },
    wires,
  );
  const stop = async () => {
    closers.splice(closers.indexOf(stop), 1);
    await standIn?.close();
    await close();
  };
  closers.push(stop);
  const call = async (
    method: string,
    where: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const answer = await fetch(`${origin}/v1${where}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Body };
  };
  return {
    standIn,
    origin,
    dataDir,
    stop,
    call,
    replicate: new Replicate({ auth: TOKEN, baseUrl: `${origin}/v1` }),
    /** Creates a prediction. @returns it as answered */
    create: async (model: string, input: Record<string, unknown>, more: object = {}, headers = {}) => {
      const { body } = await call('POST', '/predictions', { version: model, input, ...more }, headers);
      return body;
    },
    get: async (id: string) => (await call('GET', `/predictions/${id}`)).body,
    ended: (id: string) =>
      waitFor(`prediction ${id} ended`, async () => {
        const { body } = await call('GET', `/predictions/${id}`);
        return !['starting', 'processing'].includes(body.status) && body;
      }),
    events: <K extends StandInEvent['kind']>(kind: K) =>
      standIn.log().filter((event): event is StandInEvent & { kind: K } => event.kind === kind),
    skip: (milliseconds: number) => {
      skipped += milliseconds;
    },
  };
};

const version = async (
  { call }: { call: Awaited<ReturnType<typeof start>>['call'] },
  name: string,
): Promise<string> => {
  const { body } = await call('GET', `/models/simulated/${name}`);
  return (body.latest_version as { id: string }).id;
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a prediction', () => {
  it('made with the replicate package ends in a signed webhook whose outputs are real images', async () => {
    const { replicate, events } = await start();
    const { received, address } = await receiver();
    const made = await replicate.predictions.create({
      version: 'simulated/flash',
      input: { prompt: 'a nurse & <friends>', seed: 7, num_outputs: 2 },
      webhook: address,
      webhook_events_filter: ['completed'],
    });
    expect(made.status).toBe('starting');
    const { headers, body, json } = await waitFor('the webhook came', () => received[0]);
    expect(new Webhook(SECRET).verify(body, headers)).toEqual(json);
    expect(json).toMatchObject({ id: made.id, status: 'succeeded', webhook: address, version: 'hidden' });
    const outputs = json.output as string[];
    expect(outputs).toHaveLength(2);
    for (const output of outputs) {
      const answer = await fetch(output);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(answer.headers.get('content-length')).toBe(String(bytes.length));
      expect(await loadImage(bytes)).toMatchObject({ width: 256, height: 256 });
      const download = await waitFor('the download is in the log', () =>
        events('download').find(({ file }) => output.endsWith(file)),
      );
      expect(download).toMatchObject({ sha256: sha256(bytes), bytes: bytes.length, sent: bytes.length });
    }
    expect(received).toHaveLength(1);
  });

  it('has a webhook that does not verify once its body was parsed and written again', async () => {
    const { create } = await start();
    const { received, address } = await receiver();
    await create('simulated/flash', { prompt: 'black & white' }, { webhook: address });
    const { headers, json } = await waitFor('the webhook came', () => received[0]);
    expect(() => new Webhook(SECRET).verify(JSON.stringify(json), headers)).toThrow();
  });

  it('starts, is processed and ends, and is queued while others run', async () => {
    const { create, ended, events } = await start({ concurrency: 2 });
    const made = await Promise.all(
      Array.from({ length: 7 }, (_, i) => create('simulated/flash', { prompt: `picture ${i}` })),
    );
    await Promise.all(made.map(({ id }) => ended(id)));
    let running = 0;
    let most = 0;
    for (const { kind } of [...events('start'), ...events('terminal')].sort((a, b) => a.seq - b.seq)) {
      running += kind === 'start' ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBe(2);
    expect(running).toBe(0);
  });

  it('answers with output at once to Prefer: wait, while it still says processing', async () => {
    const { call, ended } = await start();
    const request = { version: 'simulated/flash', input: { prompt: 'now' } };
    const { status, body } = await call('POST', '/predictions', request, { prefer: 'wait=60' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'processing', output: [expect.stringContaining('/outputs/')] });
    expect(await ended(body.id)).toMatchObject({ status: 'succeeded', output: body.output });
    expect((await call('POST', '/predictions', request, { prefer: 'respond-async' })).status).toBe(202);
  });

  it('is stopped by a cancel, and a cancel after the end changes nothing', async () => {
    const rig = await start({ seconds: 60 });
    const { received, address } = await receiver();
    const made = await rig.create('simulated/flash', { prompt: 'x' }, { webhook: address });
    const canceled = await rig.replicate.predictions.cancel(made.id);
    expect(canceled.status).toBe('canceled');
    expect(await rig.get(made.id)).toMatchObject({ status: 'canceled', output: null });
    const { json } = await waitFor('the webhook came', () => received[0]);
    expect(json.status).toBe('canceled');
    expect((await rig.call('POST', `/predictions/${made.id}/cancel`)).status).toBe(200);
    expect(rig.events('cancel')).toHaveLength(1);
    expect(rig.events('terminal')).toHaveLength(1);
  });

  it('is canceled at its deadline when it runs, and aborted when it never started', async () => {
    const rig = await start({ seconds: 100 });
    const unreliable = await version(rig, 'unreliable');
    const running = await rig.create('simulated/flash', { prompt: 'x' }, {}, { 'cancel-after': '10m' });
    const waiting = await rig.create(
      unreliable,
      { prompt: 'x', outcome: 'never-starts' },
      {},
      { 'cancel-after': '30m' },
    );
    rig.skip(20_000);
    await waitFor('one runs', async () => (await rig.get(running.id)).status === 'processing');
    rig.skip(5_000);
    expect((await rig.get(running.id)).status).toBe('processing');
    const slow = await rig.create(await version(rig, 'slow'), { prompt: 'x' }, {}, { 'cancel-after': '5m' });
    rig.skip(200_000);
    expect(await rig.get(running.id)).toMatchObject({ status: 'succeeded' });
    expect((await rig.get(slow.id)).status).toBe('processing');
    rig.skip(101_000);
    expect(await rig.get(slow.id)).toMatchObject({ status: 'canceled', started_at: expect.any(String) });
    rig.skip(1_800_000);
    const aborted = await rig.get(waiting.id);
    expect(aborted).toMatchObject({ status: 'aborted', output: null });
    expect(aborted).not.toHaveProperty('started_at');
  });

  it('loses input, output, logs and files an hour after its end, and nothing else', async () => {
    const rig = await start();
    const made = await rig.create('simulated/flash', { prompt: 'gone soon' });
    const { output, metrics } = await rig.ended(made.id);
    const [file] = output as string[];
    rig.skip(HOUR - 600_000);
    expect((await fetch(file!)).status).toBe(200);
    rig.skip(601_000);
    expect((await fetch(file!)).status).toBe(404);
    expect(await rig.get(made.id)).toMatchObject({
      status: 'succeeded',
      data_removed: true,
      input: {},
      output: null,
      logs: '',
      metrics,
    });
    expect(rig.events('removal')).toHaveLength(1);
  });

  it('comes in every shape of output, and what every file says it is, is not always what it is', async () => {
    const rig = await start();
    const ends: Record<string, Body> = {};
    for (const name of ['flash', 'portrait', 'studio', 'sketch', 'layers', 'inline']) {
      const { body } = await rig.call('GET', `/models/simulated/${name}`);
      const id = body.is_official ? `simulated/${name}` : (body.latest_version as { id: string }).id;
      ends[name] = await rig.ended((await rig.create(id, { prompt: 'a nurse' })).id);
      expect(ends[name]).toMatchObject({ status: 'succeeded', error: null });
    }
    expect(ends.studio?.output).toMatch(/^http:.*\/output\.jpg$/u);
    expect(Object.keys(ends.layers?.output as object)).toEqual(['wide', 'tall']);
    expect(ends.portrait?.version).toMatch(/^[0-9a-f]{64}$/u);
    expect(ends.studio?.version).toMatch(/^dp-/u);
    const mislabeled = await fetch((ends.sketch!.output as string[])[0]!);
    expect(mislabeled.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await mislabeled.arrayBuffer()).toString('latin1', 8, 12)).toBe('WEBP');
    const [inline] = ends.inline!.output as string[];
    expect(inline).toMatch(/^data:application\/octet-stream;base64,\/9j\//u);
    const bytes = Buffer.from(inline!.split(',')[1]!, 'base64');
    const ledger = rig.events('terminal').find(({ prediction }) => prediction === ends.inline?.id);
    expect(ledger?.outputs).toEqual([{ path: 'data:', sha256: sha256(bytes), bytes: bytes.length }]);
  });

  it('fails with the words of a model that refuses or breaks', async () => {
    const rig = await start();
    const refused = await rig.ended((await rig.create('simulated/studio', { prompt: 'nsfw' })).id);
    expect(refused).toMatchObject({ status: 'failed', output: null });
    expect(refused.error).toMatch(/flagged as sensitive.*E005/u);
    const unreliable = await version(rig, 'unreliable');
    const broken = await rig.create(unreliable, { prompt: 'x', outcome: 'out-of-memory' });
    expect(await rig.ended(broken.id)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('E1001'),
    });
    const aborted = await rig.create(unreliable, { prompt: 'x', outcome: 'aborted' });
    expect(await rig.ended(aborted.id)).toMatchObject({ status: 'aborted', error: null });
  });

  it('ends also when it takes no time at all', async () => {
    const { create, ended } = await start({ seconds: 0, now: () => new Date() });
    const made = await Promise.all(
      Array.from({ length: 20 }, () => create('simulated/flash', { prompt: 'x' })),
    );
    for (const { id } of made) expect(await ended(id)).toMatchObject({ status: 'succeeded' });
  });

  it('moves on by itself, without anybody asking', async () => {
    const { create, events } = await start({ seconds: 0, now: () => new Date() });
    for (let i = 0; i < 20; i += 1) await create('simulated/flash', { prompt: 'x' });
    await waitFor('all ended', () => events('terminal').length === 20);
  });

  it('repeats its ids, chance and order under the same seed', async () => {
    const run = async () => {
      const { create, stop } = await start({ seed: 42 });
      const made = [
        await create('simulated/flash', { prompt: 'a' }),
        await create('simulated/flash', { prompt: 'b' }),
      ];
      await stop();
      return made.map(({ id }) => id);
    };
    expect(await run()).toEqual(await run());
  });
});

describe('a webhook', () => {
  it('that is not taken comes again, with the same id, a new time and signature, until it is', async () => {
    const { create, events } = await start();
    const { received, address } = await receiver([500, 404, null]);
    await create(
      'simulated/flash',
      { prompt: 'x' },
      { webhook: address, webhook_events_filter: ['completed'] },
    );
    await waitFor('it was taken', () => events('webhook').some(({ status }) => status === 200));
    expect(received).toHaveLength(4);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    for (const { headers, body } of received) expect(new Webhook(SECRET).verify(body, headers)).toBeTruthy();
    expect(events('webhook').map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 500],
      [2, 404],
      [3, null],
      [4, 200],
    ]);
  });

  it('is given up when the schedule is over, which by default takes about a minute', async () => {
    const { create, events } = await start();
    const { received, address } = await receiver(Array.from({ length: 20 }, () => 503));
    await create(
      'simulated/flash',
      { prompt: 'x' },
      { webhook: address, webhook_events_filter: ['completed'] },
    );
    await waitFor('all attempts were made', () => events('webhook').length === 4);
    // A second one after it shows that time has passed and the first was not repeated.
    await create(
      'simulated/flash',
      { prompt: 'y' },
      { webhook: address, webhook_events_filter: ['completed'] },
    );
    await waitFor('those of the next too', () => events('webhook').length === 8);
    expect(received.filter(({ json }) => json.input.prompt === 'x')).toHaveLength(4);
    const minute = RETRY_SECONDS.reduce((sum, wait) => sum + wait, 0);
    expect(minute).toBeGreaterThanOrEqual(50);
    expect(minute).toBeLessThanOrEqual(70);
  });

  it('that leads elsewhere is not followed', async () => {
    const { create, events } = await start();
    const { received, address } = await receiver([302]);
    await create(
      'simulated/flash',
      { prompt: 'x' },
      { webhook: address, webhook_events_filter: ['completed'] },
    );
    await waitFor('it was sent', () => events('webhook')[0]);
    expect(events('webhook')).toMatchObject([{ status: 302 }]);
    expect(received).toHaveLength(1);
  });

  it('is sent for the events asked for, and only the last is sent again', async () => {
    const { create, events } = await start({ webhookRetrySeconds: [0.001] });
    const { received, address } = await receiver([500]);
    const more = { webhook: address, webhook_events_filter: ['start', 'completed'] };
    const first = await create('simulated/flash', { prompt: 'x' }, more);
    await waitFor('both were sent', () => events('webhook').length >= 2);
    // By the time those of another have come, the first would have come again.
    await create('simulated/flash', { prompt: 'y' }, more);
    await waitFor('those of another were sent', () => events('webhook').length >= 4);
    const mine = events('webhook').filter(({ prediction }) => prediction === first.id);
    expect(mine.map(({ event, status }) => [event, status])).toEqual([
      ['start', 500],
      ['completed', 200],
    ]);
    expect(received.slice(0, 2).map(({ json }) => json.status)).toEqual(['processing', 'succeeded']);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(4);
  });

  it('is not sent where none is wanted', async () => {
    const { create, ended, events } = await start();
    const { received, address } = await receiver();
    const none = await create(
      'simulated/flash',
      { prompt: 'x' },
      { webhook: address, webhook_events_filter: [] },
    );
    const without = await create('simulated/flash', { prompt: 'x' });
    await ended(none.id);
    await ended(without.id);
    expect(events('webhook')).toEqual([]);
    expect(received).toEqual([]);
  });
});

describe('a restart', () => {
  it('after a kill finishes what was under way and delivers what was not delivered', async () => {
    const dataDir = await tempFolder();
    const { received, address } = await receiver();
    const server = path.resolve(import.meta.dirname, '../server.ts');
    const script = `
      import http from 'node:http';
      import { openStandIn } from ${JSON.stringify(server)};
      let standIn;
      const server = http.createServer((req, res) => void standIn.handle(req, res));
      server.listen(0, '127.0.0.1', async () => {
        const baseUrl = 'http://127.0.0.1:' + server.address().port;
        standIn = await openStandIn({ dataDir: ${JSON.stringify(dataDir)}, baseUrl, token: '${TOKEN}',
          webhookSecret: '${SECRET}', createsPerMinute: 60000, seconds: 0.1, concurrency: 2, webhookRetrySeconds: [0.05, 30],
          // Its clock stands still, so that no prediction ends before the kill.
          now: () => new Date(${Date.now()}) });
        console.log(baseUrl);
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
    });
    closers.push(async () => child.kill('SIGKILL'));
    const origin = String((await once(child.stdout, 'data'))[0]).trim();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const answer = await fetch(`${origin}/v1/predictions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify({
          version: 'simulated/flash',
          input: { prompt: `number ${i}` },
          webhook: address,
          webhook_events_filter: ['completed'],
        }),
      });
      ids.push(((await answer.json()) as Body).id);
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(received).toEqual([]);

    const { get, events } = await start({ dataDir, concurrency: 2 });
    await waitFor('all were delivered', () => new Set(received.map(({ json }) => json.id)).size === 5);
    expect(new Set(received.map(({ json }) => json.id))).toEqual(new Set(ids));
    for (const id of ids) expect(await get(id)).toMatchObject({ status: 'succeeded' });
    for (const { json } of received) expect((await fetch((json.output as string[])[0]!)).status).toBe(200);
    expect(events('create').map(({ prediction }) => prediction)).toEqual(ids);
    expect(events('terminal')).toHaveLength(5);
  });

  it('sends a webhook that was still being tried, with its id', async () => {
    const first = await start({ webhookRetrySeconds: [600] });
    const { received, address } = await receiver([503]);
    await first.create(
      'simulated/flash',
      { prompt: 'x' },
      { webhook: address, webhook_events_filter: ['completed'] },
    );
    await waitFor('it was refused', () => first.events('webhook')[0]);
    await first.stop();
    const second = await start({ dataDir: first.dataDir });
    second.skip(601_000);
    await waitFor('it was taken', () => second.events('webhook').find(({ status }) => status === 200));
    expect(second.events('webhook').map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(received[0]?.headers['webhook-id']).toBe(received[1]?.headers['webhook-id']);
    expect((received[1]!.json.output as string[])[0]).toContain(second.origin);
  });

  it('forgets secrets, which are in no file: models say [REDACTED] instead of what they repeated', async () => {
    const key = 'sk-of-another-service-123';
    const first = await start();
    const { received, address } = await receiver();
    const input = { prompt: 'x', openai_api_key: key, repeats: 'error' };
    const { id } = await first.create('simulated/careless', input, { webhook: address });
    expect(await first.ended(id)).toMatchObject({
      input: { openai_api_key: '[REDACTED]' },
      error: `Incorrect API key provided: ${key}. (401)`,
    });
    await waitFor('its webhook', () => received.find(({ json }) => json.error?.includes(key)));
    await first.stop();
    const files = readdirSync(first.dataDir).map((name) => readFileSync(path.join(first.dataDir, name)));
    expect(files.some((bytes) => bytes.includes(id))).toBe(true);
    expect(files.some((bytes) => bytes.includes(key))).toBe(false);
    const second = await start({ dataDir: first.dataDir });
    expect((await second.get(id)).error).toBe('Incorrect API key provided: [REDACTED]. (401)');
  });

  it('does not wait for a receiver that never answers', async () => {
    const asked = Promise.withResolvers<void>();
    const hanging = await listen(() => asked.resolve());
    closers.push(hanging.close);
    const rig = await start({ webhookPatienceSeconds: 3_600 });
    const made = await rig.create('simulated/flash', { prompt: 'x' }, { webhook: hanging.origin });
    await rig.ended(made.id);
    await asked.promise;
    // The attempt has an hour. If it were waited for, this test would not end.
    await expect(rig.stop()).resolves.toBeUndefined();
  });
});

describe('the API', () => {
  it('answers 401 without the right token, in Replicate’s words', async () => {
    const { origin } = await start();
    for (const authorization of ['', 'Bearer wrong', 'Basic x', TOKEN]) {
      const answer = await fetch(`${origin}/v1/account`, { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toEqual({
        title: 'Unauthenticated',
        detail: expect.any(String),
        status: 401,
      });
    }
  });

  it('answers 422 with the faults, 400 to what is not JSON, 404 to what is not there', async () => {
    const { call } = await start();
    expect(await call('POST', '/predictions', { version: 'simulated/flash', input: {} })).toEqual({
      status: 422,
      body: {
        title: 'Input validation failed',
        detail: '- input: prompt is required\n',
        status: 422,
        invalid_fields: [{ type: 'required', field: 'input', description: 'prompt is required' }],
      },
    });
    expect((await call('POST', '/predictions', '{')).status).toBe(400);
    for (const where of [
      '/predictions/nobody',
      '/models/simulated/nobody',
      '/models/simulated/nobody/versions',
      '/models/simulated/flash/versions/0',
      '/nothing',
    ])
      expect(await call('GET', where)).toEqual({
        status: 404,
        body: { detail: expect.any(String), status: 404 },
      });
    expect(
      (await call('POST', '/models/simulated/portrait/predictions', { input: { prompt: 'x' } })).status,
    ).toBe(404);
    expect(
      (await call('POST', '/models/simulated/flash/predictions', { input: { prompt: 'x' } })).status,
    ).toBe(201);
  });

  it('answers 429 beyond the allowed rate, saying when to come again, and creates nothing', async () => {
    const rig = await start({ createsPerMinute: 120 });
    const request = { version: 'simulated/flash', input: { prompt: 'x' } };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => rig.call('POST', '/predictions', request)),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(3);
    for (const { body } of refused)
      expect(body).toEqual({
        detail: expect.stringMatching(/resets in ~\ds\.$/u),
        status: 429,
        retry_after: expect.any(Number),
      });
    expect(rig.events('create')).toHaveLength(6 - refused.length);
    expect((await rig.call('GET', '/account')).status).toBe(200);
    rig.skip(Number(refused[0]!.body.retry_after) * 1000);
    expect((await rig.call('POST', '/predictions', request)).status).toBe(201);
  });

  it('answers 402 to an account without credit, and slows down one with little', async () => {
    const rig = await start();
    const request = { version: 'simulated/flash', input: { prompt: 'x' } };
    rig.standIn.setCredit(3);
    expect((await rig.call('POST', '/predictions', request)).status).toBe(201);
    expect(await rig.call('POST', '/predictions', request)).toMatchObject({
      status: 429,
      body: { retry_after: 10, detail: expect.stringContaining('less than $5') },
    });
    rig.skip(10_000);
    rig.standIn.setCredit(0);
    expect(await rig.call('POST', '/predictions', request)).toMatchObject({
      status: 402,
      body: { title: 'Insufficient credit', status: 402 },
    });
    rig.standIn.setCredit(50);
    expect((await rig.call('POST', '/predictions', request)).status).toBe(201);
  });

  it('lists predictions newest first, a hundred a page, with the rest behind a link', async () => {
    const rig = await start({ seconds: 60 });
    for (let i = 0; i < 103; i += 1) await rig.create('simulated/flash', { prompt: `number ${i}` });
    const page = await rig.replicate.predictions.list();
    expect(page.results).toHaveLength(100);
    expect(page.results[0]?.input).toEqual({ prompt: 'number 102' });
    expect(page.next).toContain(`${rig.origin}/v1/predictions?cursor=`);
    const seen: string[] = [];
    for await (const results of rig.replicate.paginate(rig.replicate.predictions.list))
      seen.push(...results.map(({ id }) => id));
    expect(new Set(seen).size).toBe(103);
    const { body } = await rig.call(
      'GET',
      `/predictions?created_after=${new Date(Date.now() + HOUR).toISOString()}`,
    );
    expect(body).toEqual({ next: null, previous: null, results: [] });
  });

  it('describes models and versions with the schema of their input, except where that is kept back', async () => {
    const { replicate } = await start();
    const portrait = await replicate.models.get('simulated', 'portrait');
    expect(portrait).toMatchObject({ owner: 'simulated', name: 'portrait', is_official: false });
    expect(portrait.latest_version?.openapi_schema).toMatchObject({
      components: { schemas: { Input: { required: ['prompt'], properties: { seed: { type: 'integer' } } } } },
    });
    expect((await replicate.models.get('simulated', 'layers')).latest_version?.openapi_schema).toEqual({});
    const versions = await replicate.models.versions.list('simulated', 'portrait');
    const ids = (versions as unknown as { results: { id: string }[] }).results.map(({ id }) => id);
    expect(ids).toHaveLength(2);
    expect(await replicate.models.versions.list('simulated', 'flash')).toMatchObject({ results: [] });
    expect(ids[0]).toBe(portrait.latest_version?.id);
    expect(await replicate.models.versions.get('simulated', 'portrait', ids[1]!)).toMatchObject({
      id: ids[1],
    });
  });

  it('introduces itself and its models to a browser, without a token', async () => {
    const { origin } = await start();
    const answer = await fetch(origin);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('simulated/portrait');
    expect((await fetch(`${origin}/p/x`)).status).toBe(404);
  });

  it('tells the secret that webhooks are signed with, and whose account it is', async () => {
    const { replicate } = await start();
    expect(await replicate.webhooks.default.secret.get()).toEqual({ key: SECRET });
    expect(await replicate.accounts.current()).toMatchObject({
      type: 'organization',
      username: expect.any(String),
    });
  });

  // The keys that Replicate's description says are always there, and the types of those that may be.
  it('answers with predictions of the documented shape at every stage', async () => {
    const rig = await start({ seconds: 60 });
    const { received, address } = await receiver();
    const made = await rig.create(
      'simulated/flash',
      { prompt: 'x' },
      { webhook: address },
      { 'cancel-after': '1h' },
    );
    rig.skip(10_000);
    const processing = await waitFor('it runs', async () => {
      const body = await rig.get(made.id);
      return body.status === 'processing' && body;
    });
    rig.skip(60_000);
    const done = await rig.ended(made.id);
    const webhooks = await waitFor(
      'the last webhook came',
      () => received.some(({ json }) => json.status === 'succeeded') && received.map(({ json }) => json),
    );
    rig.skip(HOUR + 1000);
    const removed = await rig.get(made.id);
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/u;
    for (const body of [made, processing, done, removed, ...webhooks]) {
      expect(body).toMatchObject({
        id: expect.stringMatching(/^[0-9a-z]{26}$/u),
        model: 'simulated/flash',
        version: 'hidden',
        input: expect.any(Object),
        data_removed: expect.any(Boolean),
        status: expect.stringMatching(/^(starting|processing|succeeded)$/u),
        logs: expect.any(String),
        created_at: expect.stringMatching(time),
        webhook: address,
        urls: {
          get: `${rig.origin}/v1/predictions/${made.id}`,
          cancel: `${rig.origin}/v1/predictions/${made.id}/cancel`,
          web: expect.stringMatching(/^http/u),
        },
      });
      expect(body).toHaveProperty('output');
      expect(body.error).toBeNull();
    }
    expect(made).toMatchObject({ source: 'api', deadline: expect.any(String), output: null });
    expect(processing).toMatchObject({ started_at: expect.stringMatching(time) });
    expect(processing).not.toHaveProperty('completed_at');
    expect(done).toMatchObject({
      started_at: expect.stringMatching(time),
      completed_at: expect.stringMatching(time),
      metrics: { predict_time: expect.any(Number), total_time: expect.any(Number), image_count: 1 },
    });
    expect(webhooks.at(-1)).not.toHaveProperty('webhook_events_filter');
  });
});

describe('the wires', () => {
  it('let a test lose an answer, send webhooks twice and cut downloads, and the log still tells what was true', async () => {
    const { received, address } = await receiver();
    let lose = true;
    const rig = await start(
      {},
      {
        ...HONEST_WIRES,
        async answer(call, work) {
          const reply = await work();
          if (lose && call.method === 'POST') throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
          return reply;
        },
        async post(webhook) {
          await HONEST_WIRES.post(webhook);
          return HONEST_WIRES.post(webhook);
        },
        async *download(_file, bytes) {
          for await (const piece of bytes) {
            yield piece.subarray(0, 100);
            throw Object.assign(new Error('cut'), { code: 'ECONNRESET' });
          }
        },
      },
    );
    await expect(rig.create('simulated/flash', { prompt: 'x' }, { webhook: address })).rejects.toThrow();
    lose = false;
    const [made] = rig.events('create');
    const { output } = await rig.ended(made!.prediction);
    await waitFor('both came', () => received.filter(({ json }) => json.status === 'succeeded').length >= 2);
    const answer = await fetch((output as string[])[0]!);
    await expect(answer.arrayBuffer()).rejects.toThrow();
    const cut = await waitFor('the download is in the log', () => rig.events('download')[0]);
    expect(cut).toMatchObject({ sha256: null });
    expect(cut.sent).toBeLessThan(cut.bytes);
  });
});
