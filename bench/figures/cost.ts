import { type CountedCloud, countedCloud, type S3Call, type Usage } from '../counted-cloud.ts';
import { PRICES, SQS_CALLS_PER_MESSAGE } from '../prices.ts';
import { type Benchmark, round, type Section } from '../report.ts';
import { median } from '../statistics.ts';

const S3_PRICE: Record<S3Call, number> = {
  PUT: PRICES.write,
  COPY: PRICES.write,
  LIST: PRICES.write,
  'PUT tags': PRICES.write,
  GET: PRICES.read,
  HEAD: PRICES.read,
  'GET tags': PRICES.read,
  DELETE: 0,
};
/** Time of one call to S3 within its region, which the local S3 does not need; added for all calls in sequence. */
export const S3_CALL_MS = 15;
/** Memory for which Lambda gives a function one whole processor, in MB ("Configure Lambda function memory"). */
export const MB_A_PROCESSOR = 1_769;

const SAMPLES = {
  'one image a cell': { cells: 200, outputs: 1 },
  'four images a cell': { cells: 50, outputs: 4 },
};
const BUDGETS = { 'one image a cell': 0.04, 'four images a cell': 0.025 };

interface Line {
  what: string;
  count: number;
  dollars: number;
}

/** What the calls of an audit cost, line by line. They are counted, so almost all are the same in every run. */
function callsOf(usage: Map<string, Usage>, cells: number): Line[] {
  const lines: Line[] = [];
  const of = (name: string, add: (usage: Usage) => number) =>
    [...usage].filter(([key]) => name === '' || key === name).reduce((sum, [, entry]) => sum + add(entry), 0);
  for (const [call, price] of Object.entries(S3_PRICE)) {
    const count = of('', ({ s3 }) => s3[call as S3Call] ?? 0);
    lines.push({ what: `S3 ${call}`, count, dollars: count * price });
  }
  const messages = of('dispatch', ({ invocations }) => invocations);
  lines.push({
    what: 'SQS requests',
    count: messages * SQS_CALLS_PER_MESSAGE,
    dollars: messages * SQS_CALLS_PER_MESSAGE * PRICES.sqs,
  });
  lines.push({ what: 'HTTP API requests (webhooks)', count: cells, dollars: cells * PRICES.httpApi });
  const invocations = of('', (entry) => entry.invocations);
  lines.push({ what: 'Lambda invocations', count: invocations, dollars: invocations * PRICES.invocation });
  const bytes = of('', ({ logBytes }) => logBytes);
  lines.push({ what: 'log bytes', count: bytes, dollars: (bytes / 1e9) * PRICES.logGb });
  return lines;
}

/**
 * What the time of the functions costs, line by line. It is measured on this machine: processor time is scaled by the vCPU
 * share of a function's memory, waiting time is used unchanged.
 */
function timesOf(usage: Map<string, Usage>, memory: Map<string, number>): Line[] {
  return [...usage].map(([name, { s3, durationMs, processorMs }]) => {
    const megabytes = memory.get(name) ?? 0;
    const share = Math.min(1, megabytes / MB_A_PROCESSOR);
    const calls = Object.values(s3).reduce((sum, count) => sum + count, 0);
    const took = durationMs.reduce((sum, duration) => sum + duration, 0);
    const waited = Math.max(0, took - processorMs);
    // Dispatch follows the rate limit, so its time depends on the rate, not on its calls and processor time.
    const ms = name === 'dispatch' ? took : waited + processorMs / share + calls * S3_CALL_MS;
    const gbSeconds = (ms / 1_000) * (megabytes / 1_024);
    return {
      what: `Lambda time of ${name}, GB-s`,
      count: round(gbSeconds, 2),
      dollars: gbSeconds * PRICES.gbSecond,
    };
  });
}

/** Calls to S3 by function: where savings are possible. */
function byFunction(usage: Map<string, Usage>, images: number): Section {
  const calls = Object.keys(S3_PRICE) as S3Call[];
  return {
    heading: 'Calls to S3 per image, by function',
    columns: ['function', ...calls, 'invocations', 'warm, ms', 'of the processor, ms'],
    rows: [...usage].map(([name, { s3, invocations, durationMs, processorMs }]) => [
      name,
      ...calls.map((call) => round((s3[call] ?? 0) / images, 2)),
      round(invocations / images, 2),
      round(median(durationMs)),
      round(processorMs / invocations),
    ]),
  };
}

async function measure(
  counted: CountedCloud,
  cells: number,
  outputs: number,
  progress: (text: string) => void,
) {
  const run = async (count: number) =>
    counted.runAudit(
      {
        prompts: ['a portrait of a person at work'],
        models: [{ model: 'simulated/flash', input: outputs > 1 ? { num_outputs: outputs } : {} }],
        samples: count,
      },
      count * outputs,
      progress,
    );
  // Warm up first: only the steady state is counted, with cached secrets and running processes.
  await run(4);
  counted.reset();
  const { id } = await run(cells);
  const runs = await counted.closeAudit(id);
  return { runs, usage: new Map(counted.usage), events: counted.events.published };
}

/** The cost of the pipeline on AWS, calculated from the calls that it makes here. */
export const cost: Benchmark = {
  name: 'cost',
  figure: 6,
  title: `Cost of 1,000 images at list prices (${PRICES.region}, November 2026)`,
  async run(progress) {
    const counted = await countedCloud({ createsPerMinute: 600, predictionSeconds: 0.5 });
    try {
      const memory = new Map(counted.cloud.stack.functions.map(({ key, memorySize }) => [key, memorySize]));
      const sections: Section[] = [];
      const budgets = [];
      for (const [name, { cells, outputs }] of Object.entries(SAMPLES)) {
        const images = cells * outputs;
        const { usage, runs, events } = await measure(counted, cells, outputs, (text) =>
          progress(`${name}: ${text}`),
        );
        const calls = callsOf(usage, cells);
        const times = timesOf(usage, memory);
        const perThousand = (value: number) => (value / images) * 1_000;
        const sum = (lines: Line[]) => perThousand(lines.reduce((all, { dollars }) => all + dollars, 0));
        const rowsOf = (lines: Line[]) =>
          lines
            .filter(({ count }) => count > 0)
            .map(({ what, count, dollars }) => [
              what,
              round(count / images, 3),
              perThousand(dollars).toFixed(5),
            ]);
        sections.push(
          {
            heading: `${name}: ${cells} cells, ${images} images, closed by ${runs} runs of reconcile`,
            columns: ['line', 'per image', '$ per 1,000 images'],
            rows: [
              ...rowsOf(calls),
              ['calls, together', '', sum(calls).toFixed(5)],
              ...rowsOf(times),
              ["with Lambda's time", '', sum([...calls, ...times]).toFixed(5)],
              [
                'beside it: S3 events through EventBridge, $1 a million',
                round(events / images, 3),
                (perThousand(events) / 1e6).toFixed(5),
              ],
            ],
          },
          byFunction(usage, images),
        );
        budgets.push({
          what: `$ per 1,000 images for calls, ${name}`,
          value: round(sum(calls), 4),
          most: BUDGETS[name as keyof typeof BUDGETS],
        });
      }
      return {
        sections,
        budgets,
        notes: [
          `Lambda time: as measured here, with processor time scaled by the vCPU share of the memory, and ${S3_CALL_MS} ms added for each call to S3, in sequence.`,
          'Not included: monthly storage, transfer, the trail if it is on, and views of the page.',
        ],
      };
    } finally {
      await counted.close();
    }
  },
};
