import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { traceThrough } from '@weaudit/aws-emulator/lineage';
import { HONEST_WIRES } from '@weaudit/replicate-stand-in/wires';
import { Webhook } from 'standardwebhooks';
import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

/** The whole pipeline on one machine: the real functions, over HTTP, with the stand-in for Replicate. */

/** While it is true no webhook arrives. */
let deaf = false;
/** While it is true outputs are for those who have Replicate's token. */
let guarded = false;
/** The next prediction that is created costs its dispatcher its life before it hears of it. */
let killOnCreate = false;

const local = withCloud({
  /** Asks as fast as the stand-in lets it, and looks after a cell within seconds instead of minutes. */
  amend(stack) {
    for (const { environment } of stack.functions) {
      if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '6000';
      if ('OVERDUE_SECONDS' in environment) environment.OVERDUE_SECONDS = '2';
      if ('RESEND_SECONDS' in environment) environment.RESEND_SECONDS = '2';
    }
    return stack;
  },
  faults: {
    wires: {
      ...HONEST_WIRES,
      answer: async (call, work) => {
        const reply = await work();
        if (killOnCreate && call.method === 'POST' && call.path.endsWith('/predictions')) {
          killOnCreate = false;
          local.cloud.killFunction('dispatch');
        }
        return reply;
      },
      post: async (webhook) => {
        if (deaf) throw new Error('nobody answers');
        return HONEST_WIRES.post(webhook);
      },
      head: (file) => ({
        ...HONEST_WIRES.head(file),
        ...(guarded && !file.hasToken ? { status: 401, bytes: 0 } : {}),
      }),
    },
  },
});
const { api } = local;
const { s3, keys, json, sha256, tags } = buckets(local);

const ask = async (design: object, headers = {}): Promise<string> => {
  const { status, body } = await api('POST', '/api/audits', design, headers);
  expect({ status, detail: body.detail }).toEqual({ status: 202, detail: undefined });
  return body.id;
};

const ended = (audit: string) =>
  waitFor(`audit ${audit} ends`, async () => {
    const { body } = await api('GET', `/api/audits/${audit}`);
    return body.counts.waiting + body.counts.running === 0 && body;
  });

/** reconcile comes by the clock; a test does not wait for it. */
const manifest = (audit: string) =>
  waitFor(`the manifest of ${audit}`, async () => {
    await local.cloud.invoke('reconcile', {});
    const { status, headers } = await api('GET', `/api/audits/${audit}/manifest`);
    return status === 303 && (await (await fetch(headers.get('location') ?? '')).json());
  });

/** A delivery as Replicate signs it, for any body. */
function delivery(body: string, { id = 'msg_test', at = new Date(), secret = webhookSecret() } = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
    'content-type': 'application/json',
  };
}

const webhookSecret = () => local.cloud.parameters.get('/weaudit/local/webhook-secrets') ?? '';

/** What the stand-in says it was asked for, by its own log. */
const creates = (audit: string) =>
  (local.cloud.standIn?.log() ?? []).flatMap((entry) =>
    entry.kind === 'create' && entry.webhook?.includes(`/${audit}/`) ? [entry] : [],
  );

/** Predictions of an audit that were created and have not ended. */
function running(audit: string): string[] {
  const ends = new Set(
    (local.cloud.standIn?.log() ?? []).flatMap((entry) =>
      entry.kind === 'terminal' ? [entry.prediction] : [],
    ),
  );
  return creates(audit).flatMap(({ prediction: id }) => (ends.has(id) ? [] : [id]));
}

/** Cells whose webhook was sent and not answered. */
const lost = (audit: string) =>
  new Set(
    (local.cloud.standIn?.log() ?? []).flatMap((entry) =>
      entry.kind === 'webhook' && entry.status === null && entry.address.includes(`/${audit}/`)
        ? [entry.prediction]
        : [],
    ),
  ).size;

async function prediction(id: string): Promise<string> {
  const response = await fetch(`${local.cloud.endpoints.replicate}/v1/predictions/${id}`, {
    headers: { authorization: `Bearer ${local.cloud.parameters.get('/weaudit/local/replicate-token')}` },
  });
  return response.text();
}

const post = (audit: string, cell: string, body: string, headers: Record<string, string>) =>
  fetch(`${local.cloud.endpoints.api}/webhooks/replicate/${audit}/${cell}`, {
    method: 'POST',
    body,
    headers,
  });

describe('the audit of twenty occupations', () => {
  test('ends with every image in S3 and in the backup, byte for byte, tagged, and nothing that the manifest does not name', async () => {
    const design = JSON.parse(readFileSync('events/audits/occupations.json', 'utf8'));
    const audit = await ask(design);
    const status = await ended(audit);
    expect(status.predictions).toBe(80);
    expect(status.counts.succeeded + status.counts.refused + status.counts.failed).toBe(80);

    // biome-ignore lint/suspicious/noExplicitAny: the manifest as anybody reads it
    const { cells } = (await manifest(audit)) as { cells: any[] };
    expect(cells).toHaveLength(80);
    const images = cells.flatMap((cell) => cell.images);
    expect(images.length).toBeGreaterThanOrEqual(80);
    for (const image of images) {
      expect(await sha256(IMAGES, image.key)).toBe(image.sha256);
      expect(await sha256(BACKUP, image.key)).toBe(image.sha256);
      const expected = {
        status: 'ok',
        format: image.format,
        size: expect.any(String),
        retention: 'standard',
      };
      expect(await tags(IMAGES, image.key)).toEqual(expected);
      expect(await tags(BACKUP, image.key)).toEqual(expected);
    }
    const named = images.map(({ key }: { key: string }) => key).sort();
    expect(await keys(IMAGES, `images/${audit}/`)).toEqual(named);
    expect(await keys(BACKUP, `images/${audit}/`)).toEqual(named);
    await waitFor('the audit is closed', async () => {
      await local.cloud.invoke('reconcile', {});
      return (await keys(IMAGES, `open/${audit}`)).length === 0;
    });
    expect((await keys(BACKUP, `audits/${audit}/`)).sort()).toEqual(
      ['audit.json', 'manifest.csv', 'manifest.json'].map((name) => `audits/${audit}/${name}`),
    );
  });

  test('the same Idempotency-Key, ten times at once, gives one audit whose cells are asked once', async () => {
    const design = { prompts: ['a baker'], models: ['simulated/flash'], samples: 3 };
    const ids = await Promise.all(
      Array.from({ length: 10 }, () => ask(design, { 'idempotency-key': 'ten at once' })),
    );
    expect(new Set(ids).size).toBe(1);
    await ended(ids[0] ?? '');
    expect(creates(ids[0] ?? '')).toHaveLength(3);
    const other = await api(
      'POST',
      '/api/audits',
      { ...design, samples: 4 },
      { 'idempotency-key': 'ten at once' },
    );
    expect(other.status).toBe(422);
    expect(other.body.detail).toMatch(/Idempotency-Key was used with another body/);
  });
});

test('the description of the API is served without a token, by the function as it is deployed', async () => {
  const { status, body } = await api('GET', '/api/openapi.json', undefined, { authorization: '' });
  expect([status, Object.keys(body.paths)]).toEqual([200, expect.arrayContaining(['/api/audits'])]);
});

describe('a webhook', () => {
  let audit: string;
  let body: string;

  beforeAll(async () => {
    audit = await ask({ prompts: ['a judge'], models: ['simulated/portrait'], samples: 2 });
    await ended(audit);
    body = await prediction(
      creates(audit).find(({ webhook }) => webhook?.endsWith('/00000'))?.prediction ?? '',
    );
  });

  /** All keys but those of chains, which move by themselves. */
  /** Everything but what chains write in their own time: leases, summaries, and the manifests that follow. */
  const state = async () => {
    const all = await Promise.all([keys(IMAGES, ''), keys(BACKUP, '')]);
    return all.flat().filter((key) => !/^leases\/|^open\/|\/blocks\/|\/spent\/\d|\/manifest\./.test(key));
  };

  /** Events of what was just stored may still be under way: they are not what is tested here. */
  const settled = () => waitFor('all events are handled', async () => local.cloud.pendingEvents() === 0);

  test('delivered five times, two at once, leaves one result and one set of images, and is answered 2xx each time', async () => {
    const again = await ask({ prompts: ['a poet'], models: ['simulated/layers'], samples: 1 });
    const [asked] = await waitFor('the prediction is asked for', async () => {
      const found = creates(again);
      return found.length > 0 && found;
    });
    const ready = await waitFor('the prediction ends', async () => {
      const text = await prediction(asked?.prediction ?? '');
      return JSON.parse(text).status === 'succeeded' && text;
    });
    const send = () => post(again, '00000', ready, delivery(ready));
    const two = await Promise.all([send(), send()]);
    const answers = [...two, await send(), await send(), await send()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await keys(IMAGES, `audits/${again}/results/`)).toEqual([`audits/${again}/results/00000.json`]);
    expect(await keys(IMAGES, `images/${again}/`)).toEqual([0, 1].map((i) => `images/${again}/00000/${i}`));
  });

  test('for a cell whose dispatcher died before it recorded the prediction is adopted, and nothing is asked twice', async () => {
    killOnCreate = true;
    const orphan = await ask({ prompts: ['a pilot'], models: ['simulated/flash'], samples: 1 });
    await ended(orphan);
    expect(killOnCreate).toBe(false);
    const text = await prediction(creates(orphan)[0]?.prediction ?? '');
    expect(await json(IMAGES, `audits/${orphan}/dispatched/00000.json`)).toMatchObject({
      predictionId: JSON.parse(text).id,
      adopted: true,
    });
    const range = JSON.stringify({ audit: orphan, from: 0, to: 0 });
    await local.cloud.invoke('dispatch', {
      Records: [{ messageId: 'again', body: range, attributes: { ApproximateReceiveCount: '2' } }],
    });
    expect(creates(orphan)).toHaveLength(1);
  });

  test.each([
    [
      'with a wrong signature',
      401,
      '00000',
      () => delivery(body, { secret: `whsec_${Buffer.alloc(24).toString('base64')}` }),
    ],
    ['with a stale timestamp', 401, '00000', () => delivery(body, { at: new Date(Date.now() - 301_000) })],
    ['with the body of another cell', 403, '00001', () => delivery(body)],
  ])('%s is answered %i and changes nothing', async (_name, status, cell, headers) => {
    await settled();
    const before = await state();
    expect((await post(audit, cell, body, headers())).status).toBe(status);
    expect(await state()).toEqual(before);
  });

  test('for an audit that never was is answered 404 and changes nothing', async () => {
    await settled();
    const before = await state();
    const unknown = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
    const forged = body.replaceAll(audit, unknown);
    expect((await post(unknown, '00000', forged, delivery(forged))).status).toBe(404);
    expect(await state()).toEqual(before);
  });
});

describe('what goes wrong on the way', () => {
  test('a chain of messages that is long does not end as a loop', async () => {
    const audit = await ask({ prompts: ['a long chain'], models: ['simulated/flash'], samples: 2 });
    await ended(audit);
    const { queues, stack } = local.cloud;
    const functions = stack.functions.filter(({ key }) => key === 'dispatch' || key === 'poll');
    let trace = '';
    for (let pass = 0; pass < 100; pass++) for (const model of functions) trace = traceThrough(trace, model);
    for (const name of ['cells', 'polls']) {
      const body = JSON.stringify({ audit, from: 0, to: 1, link: 1_000 });
      const { messageId } = queues.send(`weaudit-local-${name}`, body, { trace });
      const isGone = () => queues.peek(`weaudit-local-${name}`).every((one) => one.messageId !== messageId);
      await waitFor(`a message of ${name} is handled`, isGone);
      expect(queues.peek(`weaudit-local-${name}-dead`)).toEqual([]);
    }
  });

  test('a cell whose webhook never comes is finished by asking after it, and asked for once', async () => {
    deaf = true;
    try {
      const audit = await ask({ prompts: ['a lighthouse keeper'], models: ['simulated/flash'], samples: 3 });
      await waitFor('every webhook is lost', async () => lost(audit) === 3);
      await waitFor('reconcile has it looked after', async () => {
        await local.cloud.invoke('reconcile', {});
        return (await api('GET', `/api/audits/${audit}`)).body.counts.succeeded === 3;
      });
      expect(creates(audit)).toHaveLength(3);
    } finally {
      deaf = false;
    }
  });

  test('an output that wants a token is stored by the function that has it, and webhook has not', async () => {
    guarded = true;
    try {
      const audit = await ask({ prompts: ['a night guard'], models: ['simulated/flash'], samples: 2 });
      expect((await ended(audit)).counts.succeeded).toBe(2);
      expect(await keys(IMAGES, `images/${audit}/`)).toEqual([0, 1].map((n) => `images/${audit}/0000${n}/0`));
      const stored = local.cloud.logs('webhook').filter((line) => line.includes(audit));
      expect(stored.join('\n')).toContain('answered 401');
    } finally {
      guarded = false;
    }
  });

  test('cancel in the middle ends with nothing running and every cell accounted for', async () => {
    const endless = { model: 'simulated/unreliable', input: { outcome: 'never-starts' } };
    const audit = await ask({ prompts: ['a diver'], models: ['simulated/flash', endless], samples: 20 });
    await waitFor('some are requested', async () => creates(audit).length > 5);
    expect((await api('POST', `/api/audits/${audit}/cancel`)).status).toBe(202);
    const { counts, state } = await ended(audit);
    expect(counts.canceled).toBeGreaterThanOrEqual(20);
    expect(counts.succeeded + counts.failed + counts.refused + counts.canceled).toBe(40);
    expect(state).toBe('canceled');
    expect(running(audit)).toEqual([]);
  });

  test('delete in the middle ends with nothing running, nothing left, and nothing comes back', async () => {
    const audit = await ask({
      prompts: ['a smith'],
      models: ['simulated/flash', 'simulated/slow'],
      samples: 20,
    });
    await waitFor('some are stored', async () => (await keys(IMAGES, `images/${audit}/`)).length > 3);
    const [first] = creates(audit);
    expect((await api('DELETE', `/api/audits/${audit}`)).status).toBe(202);
    expect((await api('GET', `/api/audits/${audit}`)).status).toBe(404);
    await waitFor('nothing runs', async () => running(audit).length === 0);
    const late = await prediction(first?.prediction ?? '');
    // Two dispatchers work on two blocks: the first prediction may be of either.
    const cell = first?.webhook?.split('/').at(-1) ?? '';
    expect((await post(audit, cell, late, delivery(late))).status).toBe(200);
    await waitFor('nothing is left', async () => {
      await local.cloud.invoke('reconcile', {});
      return (await keys(IMAGES, `images/${audit}/`)).length === 0;
    });
  });
});

test('a presigned address opens a valid image for anyone, and a quarantined one for no one', async () => {
  const audit = await ask({ prompts: ['a cook'], models: ['simulated/portrait'], samples: 1 });
  await ended(audit);
  const image = await waitFor('the image is judged', async () => {
    const { body } = await api('GET', `/api/audits/${audit}/predictions`);
    const [found] = body.predictions[0].images;
    return found.status === 'ok' && found;
  });
  const opened = await fetch(image.url);
  expect(opened.status).toBe(200);
  expect(
    createHash('sha256')
      .update(Buffer.from(await opened.arrayBuffer()))
      .digest('hex'),
  ).toBe(image.sha256);
  expect((await api('GET', `/api/audits/${audit}/predictions`)).body.predictions[0].images[0].url).toBe(
    image.url,
  );

  const TagSet = [{ Key: 'status', Value: 'quarantined' }];
  await s3().send(new PutObjectTaggingCommand({ Bucket: IMAGES, Key: image.key, Tagging: { TagSet } }));
  expect((await fetch(image.url)).status).toBe(403);
});
