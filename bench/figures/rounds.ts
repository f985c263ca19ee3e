import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../lib/aws/objects.ts';
import { labelsKey } from '../../lib/records/keys.ts';
import { type Batch, placesAfter } from '../../lib/records/labels.ts';
import { readRound } from '../../lib/records/round.ts';
import { assignmentOf } from '../../lib/rounds/assignment.ts';
import { type CountedCloud, countedCloud, IMAGES, type S3Call } from '../counted-cloud.ts';
import { plantAudit } from '../planted-audit.ts';
import { PRICES } from '../prices.ts';
import { type Benchmark, round as rounded } from '../report.ts';
import { runChild } from '../run-child.ts';
import { median } from '../statistics.ts';
import { BUNDLES, bundleForBench } from '../ways/bundle.ts';
import { S3_DELAY_MS } from './api.ts';

const RATERS = 50;
const LABELS_A_BATCH = 48;
/** Answers of a rater whose cost is counted: each is sent alone, as by somebody on a good line. */
const ALONE = 100;
/** Audits of a study: the most. */
const AUDITS = 100;
/** Two sizes of everything. The larger is the most that is allowed, or four times the smaller. */
const SIZES = { pictures: [500, 2_000], imported: [2_500, 10_000], rows: [2_500, 10_000] } as const;
/** A round's labels are counted from a minute after it is closed. */
const SETTLE_MS = 61_000;
const MOST_MB = 400;

const CODEBOOK = {
  title: 'Persons',
  questions: ['first', 'second', 'third'].map((id) => ({
    ...{ id, text: 'What is shown?', kind: 'one' },
    answers: ['woman', 'man', 'other'].map((answer) => ({ id: answer, text: answer, key: answer[0] })),
  })),
};

const auditAt = (place: number): string => `7${String(place).padStart(25, '0')}`;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Ask = (method: string, target: string, about?: { body?: unknown; token?: string }) => Promise<Response>;

const roundOf = (audit: string) => ({
  ...{ name: 'bench', audits: [audit], codebook: CODEBOOK, seed: 5, consent: 'You agree.' },
  ...{ ratings: RATERS, slots: RATERS },
});
const importOf = (pictures: number) => ({
  model: 'some model',
  prompts: Array.from({ length: 100 }, (_, n) => `prompt ${n}`),
  pictures: Array.from({ length: pictures }, (_, n) => ({
    ...{ prompt: n % 100, sha256: sha256(String(n)), bytes: 1_000_000, format: 'png' },
  })),
});
/** Ten thousand rows, which are the most, have almost 5 MB; a tenth of them has texts of its own. */
const designOf = (rows: number) => ({
  prompts: Array.from({ length: rows }, (_, n) => ({ text: `${n % 1_000} `.padEnd(470, 'word ') })),
  models: ['simulated/flash'],
  samples: 10,
});

/** Writes what every rater of a round has answered, picture by picture, with all questions. */
async function answerAll(store: S3Store, round: string): Promise<void> {
  const plan = (await readRound(store, round))!;
  await Promise.all(
    Array.from({ length: RATERS }, async (_, place) => {
      const list = assignmentOf(plan, place + 1);
      const rater = `${place + 1}.1`;
      let before: Pick<Batch, 'answered' | 'skipped'> | undefined;
      const step = LABELS_A_BATCH / CODEBOOK.questions.length;
      for (let seq = 0; seq * step < list.length; seq++) {
        const answers = list.slice(seq * step, (seq + 1) * step).flatMap(({ item, showing }, i) =>
          CODEBOOK.questions.map(({ id }, question) => ({
            ...{ id: `${seq}-${i}-${question}`, item, showing, question: id },
            ...{ answer: (place + i) % 3 === 0 ? 'man' : 'woman', at: '2026-01-01T00:00:00.000Z' },
          })),
        );
        const batch: Batch = {
          ...{ rater, pseudonym: `rater ${place + 1}`, codebook: plan.codebook },
          ...{ at: '2026-01-01T00:00:00.000Z', answers: answers as Batch['answers'] },
          ...placesAfter(list, before, answers as Batch['answers']),
        };
        before = batch;
        await store.createJson(labelsKey(round, rater, seq), batch);
      }
    }),
  );
}

/** One kind of request: until it is answered as wanted, which takes several where each continues the one before. */
async function measured(
  counted: CountedCloud,
  name: string,
  send: () => Promise<Response>,
  wanted: number[],
) {
  const [ms, processor]: number[][] = [[], []];
  const calls: Partial<Record<S3Call, number>> = {};
  for (;;) {
    counted.reset();
    const begin = performance.now();
    const answer = await send();
    const body = await answer.text();
    ms!.push(performance.now() - begin);
    counted.readLogs();
    const usage = counted.usage.get('api');
    processor!.push(usage?.processorMs ?? 0);
    for (const [call, count] of Object.entries(usage?.s3 ?? {}))
      calls[call as S3Call] = (calls[call as S3Call] ?? 0) + count;
    if (wanted.includes(answer.status) && !body.includes('"copying"')) {
      const counts = Object.entries(calls).map(([call, count]) => `${count} ${call}`);
      const total = (values: number[]) => rounded(values.reduce((sum, value) => sum + value, 0));
      return {
        row: [name, ms!.length, counts.join(', '), total(ms!), total(processor!)],
        body,
        calls,
      };
    }
    const isContinued = answer.status === 409 && body.includes('Try again after');
    if (answer.status !== 202 && !isContinued) throw new Error(`${name}: ${answer.status} ${body}`);
    if (answer.status === 409) await wait(1_000 * Number(answer.headers.get('retry-after') ?? 1));
  }
}

const dollars = (calls: Partial<Record<S3Call, number>>, requests: number): number => {
  const writes = (calls.PUT ?? 0) + (calls.LIST ?? 0);
  const reads = (calls.GET ?? 0) + (calls.HEAD ?? 0);
  return writes * PRICES.write + reads * PRICES.read + requests * (PRICES.httpApi + PRICES.invocation);
};

/** Rating rounds, imports and studies: how long requests take, how much memory, and what a label costs. */
export const rounds: Benchmark = {
  name: 'rounds',
  figure: 11,
  title: `Rating rounds, imports and studies, with ${S3_DELAY_MS} ms added to each call to S3`,
  async run(progress) {
    await bundleForBench(['api']);
    const bundle = path.join(BUNDLES, 'functions', 'api.cjs');
    const counted = await countedCloud({
      ...{ createsPerMinute: 600, predictionSeconds: 0.5, s3DelayMs: S3_DELAY_MS },
    });
    const { cloud } = counted;
    const client = new S3Client({
      ...{ endpoint: cloud.endpoints.aws, region: cloud.stack.region, forcePathStyle: true },
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      // It writes thousands of objects at once, and the others wait.
      requestHandler: { socketAcquisitionWarningTimeout: 600_000 },
    });
    const store = new S3Store(client, IMAGES);
    const ask: Ask = (method, target, { body, token = 'local' } = {}) =>
      fetch(`${cloud.endpoints.api}${target}`, {
        ...{ method, redirect: 'manual' },
        headers: {
          ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          'idempotency-key': sha256(`${method} ${target} ${JSON.stringify(body)}`),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    /** Peak memory of a process of its own that handles the requests one after the other, without delay, in MB. */
    const peakOf = async (route: string, body: unknown, parameters: Record<string, string> = {}) => {
      const { environment, memorySize } = cloud.stack.functions.find(({ key }) => key === 'api')!;
      const event = {
        ...{ version: '2.0', routeKey: route, pathParameters: parameters, isBase64Encoded: false },
        headers: { authorization: 'Bearer local', 'idempotency-key': sha256(JSON.stringify(body ?? '')) },
        body: JSON.stringify(body),
      };
      const { events } = await runChild(
        { bundle, events: [event] },
        {
          ...environment,
          ...{ AWS_ENDPOINT_URL: cloud.endpoints.aws, AWS_REGION: cloud.stack.region },
          ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' },
          NODE_OPTIONS: `--max-semi-space-size=${Math.floor(memorySize / 20)} --max-old-space-size=${Math.floor(memorySize * 0.9)}`,
        },
        120_000,
      );
      const { statusCode, body: text } = events[0]!.result as { statusCode: number; body: string };
      if (statusCode >= 400) throw new Error(`${route}: ${statusCode} ${text}`);
      return { mb: rounded(events[0]!.peakMb), text };
    };
    try {
      const rows: (string | number)[][] = [];
      const memory: [string, ...(string | number)[]][] = [];
      progress('writing finished audits');
      const audits = Array.from({ length: AUDITS }, (_, place) => auditAt(place + 10));
      await Promise.all([
        ...SIZES.pictures.map((pictures, place) =>
          plantAudit(store, { id: auditAt(place + 1), samples: pictures / 4 }),
        ),
        ...audits.map((id) => plantAudit(store, { id, samples: 1 })),
      ]);

      progress('rounds of pictures');
      const peaks = [];
      for (const [place] of SIZES.pictures.entries()) {
        let peak = await peakOf('POST /api/rounds', roundOf(auditAt(place + 1)));
        while (peak.text.includes('"copying"')) {
          const { mb, text } = await peakOf('POST /api/rounds', roundOf(auditAt(place + 1)));
          peak = { mb: Math.max(mb, peak.mb), text };
        }
        peaks.push(peak);
      }
      memory.push(['POST /api/rounds, 500 and 2,000 pictures', ...peaks.map(({ mb }) => mb)]);
      const ids = peaks.map(({ text }) => (JSON.parse(text) as { id: string }).id);
      const large = { ...roundOf(auditAt(2)), name: 'another' };
      const created = await measured(
        counted,
        'POST /api/rounds, 2,000 pictures',
        () => ask('POST', '/api/rounds', { body: large }),
        [202],
      );
      rows.push(created.row);

      progress('raters and their answers');
      const tokens: string[] = [];
      for (const id of ids)
        for (let slot = 1; slot <= RATERS; slot++) {
          const given = await ask('POST', `/api/rounds/${id}/raters`, { body: { slot } });
          tokens.push(((await given.json()) as { token: string }).token);
        }
      for (const id of ids) await answerAll(store, id);
      const last = ids[1]!;
      const [, second = ''] = [tokens[0], tokens[RATERS]];
      const page = () => ask('GET', '/api/rate', { token: second });
      rows.push((await measured(counted, 'GET /api/rate, 2,000 pictures answered', page, [200])).row);
      const describeRound = () => ask('GET', `/api/rounds/${last}`);
      rows.push((await measured(counted, 'GET /api/rounds/<r>, 50 raters', describeRound, [200])).row);

      progress('what a label costs');
      const { id: alone } = JSON.parse(created.body) as { id: string };
      const given = await ask('POST', `/api/rounds/${alone}/raters`, { body: { slot: 1 } });
      const { token } = (await given.json()) as { token: string };
      const first = await measured(
        counted,
        'GET /api/rate, nothing answered',
        () => ask('GET', '/api/rate', { token }),
        [200],
      );
      rows.push(first.row);
      const { items } = JSON.parse(first.body) as { items: { id: string; showing: 1 | 2 }[] };
      const spent = [dollars(first.calls, 1) + items.length * PRICES.read];
      const putRows: (string | number)[][] = [];
      for (const [seq, { id, showing }] of items.slice(0, ALONE).entries()) {
        const label = { id: randomUUID(), item: id, showing, question: 'first', answer: 'woman' };
        const body = { answers: [{ ...label, at: new Date().toISOString() }] };
        const target = `/api/rate/labels/${String(seq).padStart(5, '0')}`;
        const put = await measured(
          counted,
          'PUT /api/rate/labels/<seq>',
          () => ask('PUT', target, { token, body }),
          [201],
        );
        spent.push(dollars(put.calls, 1));
        putRows.push(put.row);
      }
      const middle = (column: number) => rounded(median(putRows.map((row) => row[column] as number)));
      rows.push([...putRows.at(-1)!.slice(0, 3), middle(3), middle(4)]);
      const oneByOne = (spent.reduce((sum, one) => sum + one, 0) / ALONE) * 1_000;

      progress('closing: a minute');
      for (const id of ids) await ask('POST', `/api/rounds/${id}/close`);
      progress('imports and studies meanwhile');
      const imports = await Promise.all(SIZES.imported.map((n) => peakOf('POST /api/imports', importOf(n))));
      memory.push(['POST /api/imports, 2,500 and 10,000 pictures', ...imports.map(({ mb }) => mb)]);
      const posted = () => ask('POST', '/api/imports', { body: importOf(10_000) });
      rows.push((await measured(counted, 'POST /api/imports, 10,000 pictures', posted, [202])).row);
      const study = await measured(
        counted,
        'POST /api/studies, 100 audits',
        () => ask('POST', '/api/studies', { body: { name: 'bench', audits } }),
        [200, 201],
      );
      rows.push(study.row);
      const { id: studyId } = JSON.parse(study.body) as { id: string };
      const read = () => ask('GET', `/api/studies/${studyId}`);
      rows.push((await measured(counted, 'GET /api/studies/<s>, 100 audits', read, [200])).row);
      await wait(SETTLE_MS);

      progress('snapshots');
      const snapshotOf = async (id: string) =>
        (await peakOf('GET /api/rounds/{round}/snapshot', undefined, { round: id })).mb;
      const small = await snapshotOf(ids[0]!);
      const snapshot = await measured(
        counted,
        'GET /api/rounds/<r>/snapshot, the first time',
        () => ask('GET', `/api/rounds/${last}/snapshot`),
        [303],
      );
      rows.push(snapshot.row);
      await store.delete([`rounds/${last}/snapshot.json`]);
      memory.push(['snapshot of 75,000 and 300,000 labels', small, await snapshotOf(last)]);
      // Last: its predictions are requested.
      const designs = await Promise.all(SIZES.rows.map((n) => peakOf('POST /api/audits', designOf(n))));
      memory.push(['POST /api/audits, 1.2 and 4.9 MB', ...designs.map(({ mb }) => mb)]);
      const labels = RATERS * 2_000 * CODEBOOK.questions.length;
      const counting = (dollars(snapshot.calls, 1) / labels) * 1_000;
      return {
        sections: [
          {
            heading: 'Requests, through the gateway of the local cloud',
            columns: ['request', 'requests', 'calls of S3', 'ms', 'processor, ms'],
            rows,
          },
          {
            heading: 'Peak memory of a new process of api, in MB, at two sizes',
            columns: ['request', 'smaller', 'larger'],
            rows: memory,
          },
          {
            heading: 'What 1,000 labels cost, in dollars',
            columns: ['labels', '$ per 1,000'],
            rows: [
              ['each sent alone, its picture and its share of a page included', oneByOne.toFixed(5)],
              ['their share of the snapshot, 48 sent at once', counting.toFixed(5)],
            ],
          },
        ],
        budgets: memory.map(([what, , most]) => ({
          what: `MB, ${what}`,
          value: Number(most),
          most: MOST_MB,
        })),
        notes: ['api has 512 MB. `test/flow/rounds-latency.test.ts` counts which calls follow one another.'],
      };
    } finally {
      client.destroy();
      await counted.close();
    }
  },
};
