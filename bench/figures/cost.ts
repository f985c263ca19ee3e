import { type CountedCloud, countedCloud, type S3Call, type Usage } from '../counted-cloud.ts';
import { type Look, meanLook, measureLooks, SIDES, type Size } from '../looks.ts';
import { PRICES, SQS_CALLS_PER_MESSAGE } from '../prices.ts';
import { type Benchmark, type Budget, round, type Section } from '../report.ts';
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
const S3_CALL_MS = 15;
/** Memory for which Lambda gives a function one whole processor, in MB ("Configure Lambda function memory"). */
const MB_A_PROCESSOR = 1_769;

const SAMPLES = {
  'one image a cell': { cells: 200, outputs: 1 },
  'four images a cell': { cells: 50, outputs: 4 },
};
/** What a function gets from S3 in a second, in MB. */
const S3_MB_A_SECOND = 80;
/**
 * Calls of `tag` for an image that is the only one of its cell: result; tombstones and tags at once; image; rendition;
 * tombstones and tags at once; record; tags and rendition at once.
 */
const CALLS_IN_SEQUENCE = 7;
/** A rendition of a photograph, and its tags. */
const RENDITION = { gigabytes: 20e-6, tags: 2 };
/** Dollars for 1,000 images before there was a decoder, one image a cell: measured by this benchmark on 25 November 2026. */
const BEFORE = { calls: 0.03766, events: 0.00509, tag: 0.00059 };
/** At most so many dollars more for 1,000 images. */
const MORE = 0.015;
const BUDGETS = { 'one image a cell': 0.047, 'four images a cell': 0.032 };

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
  const messages = ['dispatch', 'poll'].reduce((sum, name) => sum + of(name, (one) => one.invocations), 0);
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

/** Dollars for the time that `tag` needs for 1,000 images of this size, as models return their formats. */
function timeOfTag(looks: readonly Look[], size: Size, megabytesOfMemory: number): number {
  const { ms, megabytes } = meanLook(looks, size);
  const share = Math.min(1, megabytesOfMemory / MB_A_PROCESSOR);
  const took = ms / share + CALLS_IN_SEQUENCE * S3_CALL_MS + (1_000 * megabytes) / S3_MB_A_SECOND;
  return took * (megabytesOfMemory / 1_024) * PRICES.gbSecond;
}

/** What decoding and renditions cost: only what they change. @param now dollars for calls and events of 1,000 images */
function decodingOf(looks: readonly Look[], memoryOfTag: number, now: { calls: number; events: number }) {
  const sizes = Object.keys(SIDES) as Size[];
  const times = sizes.map((size) => timeOfTag(looks, size, memoryOfTag));
  const before = BEFORE.calls + BEFORE.events + BEFORE.tag;
  const more = times.map((time) => now.calls + now.events + time - before);
  const kept = 1_000 * (RENDITION.gigabytes * PRICES.gbMonth + RENDITION.tags * PRICES.tagMonth);
  const row = (what: string, then: number, values: number[]) => [
    ...[what, then.toFixed(5), ...values.map((value) => value.toFixed(5))],
  ];
  const section: Section = {
    heading:
      'Decoding and renditions, one image a cell: $ per 1,000 images, half PNG, a quarter JPEG, a quarter WebP',
    columns: ['line', 'before', ...sizes],
    rows: [
      row(
        'calls, together',
        BEFORE.calls,
        sizes.map(() => now.calls),
      ),
      row(
        'S3 events through EventBridge',
        BEFORE.events,
        sizes.map(() => now.events),
      ),
      row('Lambda time of tag', BEFORE.tag, times),
      ['more than before', '', ...more.map((value) => value.toFixed(5))],
      row(
        'renditions kept, each month',
        0,
        sizes.map(() => kept),
      ),
    ],
  };
  const budgets = sizes.map((size, at) => ({
    what: `$ per 1,000 images of ${size} more than before`,
    value: round(more[at]!, 4),
    most: MORE,
  }));
  return { section, budgets };
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
    const counted = await countedCloud({
      createsPerMinute: 600,
      predictionSeconds: 0.5,
      // As on AWS: it decides how often cells are looked after.
      amend(stack) {
        for (const { environment } of stack.functions)
          for (const [name, seconds] of Object.entries({ OVERDUE_SECONDS: '600', RESEND_SECONDS: '900' }))
            if (name in environment) environment[name] = seconds;
        return stack;
      },
    });
    try {
      const memory = new Map(counted.cloud.stack.functions.map(({ key, memorySize }) => [key, memorySize]));
      const sections: Section[] = [];
      const budgets: Budget[] = [];
      const { looks } = await measureLooks(progress);
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
                (perThousand(events) * PRICES.event).toFixed(5),
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
        if (outputs > 1) continue;
        const now = { calls: sum(calls), events: perThousand(events) * PRICES.event };
        const decoding = decodingOf(looks, memory.get('tag') ?? 0, now);
        sections.push(decoding.section);
        budgets.push(...decoding.budgets);
      }
      return {
        sections,
        budgets,
        notes: [
          `Lambda time: as measured here, with processor time scaled by the vCPU share of the memory, and ${S3_CALL_MS} ms added for each call to S3, in sequence.`,
          `tag's time for decoding is calculated from the decoder's processor time, ${CALLS_IN_SEQUENCE} calls of S3 in sequence, and ${S3_MB_A_SECOND} MB/s; its first image in a process takes half a second more. A rendition is taken to have ${RENDITION.gigabytes * 1e6} kB.`,
          'Not included: monthly storage, transfer, the trail if it is on, and views of the page.',
        ],
      };
    } finally {
      await counted.close();
    }
  },
};
