import { execFileSync } from 'node:child_process';
import { countedCloud, portraits, type Usage } from '../counted-cloud.ts';
import { type Benchmark, round } from '../report.ts';

/** Replicate's limit, and that of the deployed stage. */
const PER_MINUTE = 600;
/** Cells of the audits. BENCH_CELLS=10000 adds one of ten thousand, which takes 17 minutes at this rate. */
const CELLS = [200, 1_000, ...(process.env.BENCH_CELLS ? [Number(process.env.BENCH_CELLS)] : [])];
const SAMPLES = 200;
const SHARE = 0.8;
/** Tolerance of the calls per image: a few calls are per audit, not per image. */
const GROWTH = 1.05;

const residentMb = () =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(process.pid)]).toString()) / 1_024;

const callsOf = (usage: Map<string, Usage>) =>
  [...usage.values()].flatMap(({ s3 }) => Object.values(s3)).reduce((sum, count) => sum + count, 0);

/** From the request to the last verified copy, compared with the stage that Replicate limits. */
export const pipeline: Benchmark = {
  name: 'pipeline',
  figure: 5,
  title: `Images a second from end to end, at ${PER_MINUTE} creates a minute`,
  async run(progress) {
    if (CELLS.some((cells) => cells % SAMPLES !== 0))
      throw new Error(`BENCH_CELLS must be a multiple of ${SAMPLES}`);
    const counted = await countedCloud({ createsPerMinute: PER_MINUTE, predictionSeconds: 1 });
    try {
      const measured: { cells: number; perSecond: number; perImage: number; memoryMb: number }[] = [];
      for (const cells of CELLS) {
        counted.reset();
        let memoryMb = 0;
        const { ms } = await counted.runAudit(
          { prompts: portraits(cells / SAMPLES), models: ['simulated/flash'], samples: SAMPLES },
          cells,
          (text) => {
            memoryMb = Math.max(memoryMb, residentMb());
            progress(text);
          },
        );
        measured.push({
          cells,
          perSecond: (cells / ms) * 1_000,
          perImage: callsOf(counted.usage) / cells,
          memoryMb,
        });
      }
      // Requesting is the slowest stage: Replicate's rate limit bounds it.
      const slowest = PER_MINUTE / 60;
      const large = measured.at(-1)!;
      return {
        sections: [
          {
            heading: 'From POST /api/audits to the last copy in the backup bucket',
            columns: [
              'cells',
              'images/s',
              '÷ slowest stage',
              'calls of S3 per image',
              'memory of the cloud, MB',
            ],
            rows: [
              ...measured.map(({ cells, perSecond, perImage, memoryMb }) => [
                cells,
                round(perSecond, 2),
                round(perSecond / slowest, 2),
                round(perImage, 2),
                round(memoryMb),
              ]),
              ['requesting alone', slowest, 1, '', ''],
            ],
          },
        ],
        budgets: [
          {
            what: `images/s ÷ slowest stage, ${large.cells} cells`,
            value: round(large.perSecond / slowest, 2),
            least: SHARE,
          },
          {
            what: `calls per image, ${large.cells} cells ÷ ${measured[0]!.cells} cells`,
            value: round(large.perImage / measured[0]!.perImage, 2),
            most: GROWTH,
          },
        ],
        notes: [
          'Requesting is the slowest stage, bounded by the rate limit of Replicate. The local cloud runs on this machine, each function in its own processes.',
        ],
      };
    } finally {
      await counted.close();
    }
  },
};
