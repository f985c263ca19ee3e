import { setTimeout as wait } from 'node:timers/promises';
import { type CountedCloud, countedCloud, IMAGES, portraits, type S3Call } from '../counted-cloud.ts';
import { type Benchmark, round } from '../report.ts';
import { percentile } from '../statistics.ts';

/** Added to every answer of S3. */
export const S3_DELAY_MS = 20;
const PROMPTS = 1_000;
const SAMPLES = 10;
const POSTS = 3;
const PAGES = 30;
const POST_MS = 3_000;
const PAGE_MS = 300;

/** The depth: the length of the longest chain of calls that do not overlap. */
function depthOf(calls: CountedCloud['apiCalls']): number {
  let depth = 0;
  let free = 0;
  for (const { begin, end } of [...calls].sort((a, b) => a.end - b.end)) {
    if (begin < free) continue;
    depth++;
    free = end;
  }
  return depth;
}

interface Measured {
  ms: number[];
  calls: string;
  depth: number;
  /** Processor time of each invocation, in ms. */
  processorMs: number[];
  memoryMb: number;
}

/** Answers of the API for an audit of ten thousand cells. */
export const api: Benchmark = {
  name: 'api',
  figure: 7,
  title: `The API at 10,000 cells, with ${S3_DELAY_MS} ms added to each call to S3`,
  async run(progress) {
    const counted = await countedCloud({
      createsPerMinute: 600,
      predictionSeconds: 0.5,
      s3DelayMs: S3_DELAY_MS,
    });
    const timed = async (times: number, call: () => Promise<Response>): Promise<Measured> => {
      const ms: number[] = [];
      let calls = '';
      let depth = 0;
      for (let n = 0; n < times; n++) {
        counted.reset();
        const begin = performance.now();
        const answer = await call();
        await answer.arrayBuffer();
        ms.push(performance.now() - begin);
        if (!answer.ok) throw new Error(`the API answered ${answer.status}`);
        const s3 = counted.usage.get('api')?.s3 ?? {};
        calls = (Object.keys(s3) as S3Call[]).map((name) => `${s3[name]} ${name}`).join(', ');
        depth = Math.max(depth, depthOf(counted.apiCalls));
      }
      const reports = counted.cloud
        .logs('api')
        .filter((line) => line.startsWith('REPORT'))
        .slice(-times);
      const figures = (pattern: RegExp) => reports.map((line) => Number(pattern.exec(line)?.[1]));
      return {
        ms,
        calls,
        depth,
        processorMs: figures(/Processor Time: ([\d.]+)/),
        memoryMb: figures(/Max Memory Used: (\d+)/).at(-1)!,
      };
    };
    try {
      const post = (prompts: number) =>
        counted.api('/api/audits', {
          method: 'POST',
          body: JSON.stringify({
            prompts: portraits(prompts),
            models: ['simulated/flash'],
            samples: SAMPLES,
          }),
        });
      progress('warming up');
      const { id } = (await (await post(20)).json()) as { id: string };
      // The manifest comes when all blocks are summed up.
      while ((await counted.count(IMAGES, `audits/${id}/manifest.json`)) === 0) await wait(200);
      progress('POST /api/audits with 10,000 cells');
      const posted = await timed(POSTS, () => post(PROMPTS));
      progress('pages while 30,000 cells run');
      const ended = await timed(PAGES, () => counted.api(`/api/audits/${id}/predictions?limit=100`));
      const list = (await (await counted.api('/api/audits?limit=1')).json()) as { audits: { id: string }[] };
      const large = list.audits[0]!.id;
      let n = 0;
      const running = await timed(PAGES, () =>
        counted.api(
          `/api/audits/${large}/predictions?limit=100&cursor=${String((n++ * 300) % 10_000).padStart(5, '0')}`,
        ),
      );
      const status = await timed(10, () => counted.api(`/api/audits/${large}`));
      const rows: [string, Measured][] = [
        ['POST /api/audits, 10,000 cells', posted],
        ['a page of 100 finished cells', ended],
        ['a page of 100 of 10,000 cells', running],
        ['the state of 10,000 cells', status],
      ];
      const p50 = ({ ms }: Measured) => round(percentile(ms, 0.5));
      return {
        sections: [
          {
            heading: 'Through the gateway of the local cloud, while dispatch is running',
            columns: [
              'request',
              'calls of S3 by the function',
              'depth',
              'p50, ms',
              'p95, ms',
              'p99, ms',
              'processor, ms',
              'memory, MB',
            ],
            rows: rows.map(([name, measured]) => [
              name,
              measured.calls,
              measured.depth,
              p50(measured),
              round(percentile(measured.ms, 0.95)),
              round(percentile(measured.ms, 0.99)),
              round(percentile(measured.processorMs, 0.5)),
              measured.memoryMb,
            ]),
          },
        ],
        budgets: [
          { what: 'POST /api/audits, p50, ms', value: p50(posted), most: POST_MS },
          { what: 'page of finished cells, p50, ms', value: p50(ended), most: PAGE_MS },
          { what: 'page of a large audit, p50, ms', value: p50(running), most: PAGE_MS },
        ],
        notes: [
          'depth: calls that follow one another, each 20 ms. The messages to SQS come after: ten calls beside each other.',
        ],
      };
    } finally {
      await counted.close();
    }
  },
};
