import path from 'node:path';
import { type Benchmark, round } from '../report.ts';
import { runChild } from '../run-child.ts';
import { interleave, median } from '../statistics.ts';
import { BUNDLES, bundleForBench, bundleWay } from '../ways/bundle.ts';
import { webhookScene } from '../webhook-scene.ts';

const ROUNDS = 5;
/** Events of each process: V8 needs some to compile hot code; the following ones are measured. */
const WARM_UP = 6;
const MEASURED = 8;
const MB = 1_000_000;
const LOADS: Record<string, number[]> = { '1 × 20 MB': [20 * MB], '8 × 5 MB': Array(8).fill(5 * MB) };
const SHARE = 0.6;

/** How fast a warm webhook moves images, with SHA-256 and signatures, compared with a plain pipe. */
export const throughput: Benchmark = {
  name: 'throughput',
  figure: 4,
  title: 'Throughput of a warm webhook into S3, TLS on both sides, SHA-256 on',
  async run(progress) {
    await bundleForBench(['webhook']);
    const bundles: Record<string, string> = {
      pipe: await bundleWay('pipe'),
      webhook: path.join(BUNDLES, 'functions', 'webhook.cjs'),
      naive: await bundleWay('naive', 'esm'),
    };
    const ways = Object.keys(bundles);
    const scene = await webhookScene();
    try {
      const measured: Record<string, { mbPerSecond: number; cpuMsPerMb: number }> = {};
      for (const [load, sizes] of Object.entries(LOADS)) {
        const megabytes = sizes.reduce((sum, bytes) => sum + bytes, 0) / MB;
        const results = await interleave(ways, ROUNDS, async (way, n) => {
          if (way === ways[0]) progress(`${load}: round ${n + 1} of ${ROUNDS}`);
          scene.aws.reset();
          const events = Array.from({ length: WARM_UP + MEASURED }, () => scene.event(sizes));
          const result = await runChild({ bundle: bundles[way]!, events }, scene.environment);
          scene.requireStored(sizes, way);
          return result.events.slice(WARM_UP);
        });
        for (const way of ways)
          measured[`${way}, ${load}`] = {
            mbPerSecond: median(results[way]!.flat().map(({ ms }) => (megabytes / ms) * 1_000)),
            cpuMsPerMb: median(results[way]!.flat().map(({ cpuMs }) => cpuMs / megabytes)),
          };
      }
      const shares = Object.keys(LOADS).map(
        (load) => measured[`webhook, ${load}`]!.mbPerSecond / measured[`pipe, ${load}`]!.mbPerSecond,
      );
      return {
        sections: [
          {
            heading: `Medians of ${ROUNDS} interleaved processes, ${MEASURED} events in each after ${WARM_UP} to warm up`,
            columns: ['way', 'MB/s', 'CPU ms/MB', '÷ pipe'],
            rows: Object.entries(measured).map(([name, { mbPerSecond, cpuMsPerMb }]) => [
              name,
              round(mbPerSecond),
              round(cpuMsPerMb, 1),
              round(mbPerSecond / measured[`pipe, ${name.split(', ')[1]}`]!.mbPerSecond, 2),
            ]),
          },
        ],
        budgets: [
          { what: 'webhook ÷ pipe, the worse of both', value: round(Math.min(...shares), 2), least: SHARE },
        ],
        notes: ['pipe: node:https into node:https; no hashes, signatures or checks.'],
      };
    } finally {
      await scene.close();
    }
  },
};
