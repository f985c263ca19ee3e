import path from 'node:path';
import { type Benchmark, round } from '../report.ts';
import { runChild } from '../run-child.ts';
import { interleave, median } from '../statistics.ts';
import { BUNDLES, bundleForBench, bundleWay } from '../ways/bundle.ts';
import { webhookScene } from '../webhook-scene.ts';

const ROUNDS = 5;
const MB = 1_000_000;
const IMAGES = 10;
const LOADS = { '10 × 20 MB': 20 * MB, '10 × 40 MB': 40 * MB };
/** Growth of the peak ÷ bytes stored, and growth at twice the bytes ÷ growth at the bytes. */
const GROWTH = 0.25;
const FLATNESS = 1.2;
const LIMIT_MS = 60_000;

/** Whether the memory of webhook is limited by a constant, however much it stores. */
export const memory: Benchmark = {
  name: 'memory',
  figure: 3,
  title: 'Growth of peak memory while one webhook stores ten images',
  async run(progress) {
    await bundleForBench(['webhook']);
    const bundles: Record<string, string> = {
      webhook: path.join(BUNDLES, 'functions', 'webhook.cjs'),
      naive: await bundleWay('naive', 'esm'),
    };
    const cases = Object.keys(LOADS).flatMap((load) => Object.keys(bundles).map((way) => `${way}, ${load}`));
    const scene = await webhookScene();
    try {
      const results = await interleave(cases, ROUNDS, async (name, n) => {
        progress(`round ${n + 1} of ${ROUNDS}: ${name}`);
        const [way = '', load = ''] = name.split(', ');
        const sizes = Array<number>(IMAGES).fill(LOADS[load as keyof typeof LOADS]);
        scene.aws.reset();
        const result = await runChild(
          { bundle: bundles[way]!, events: [scene.event(sizes)] },
          scene.environment,
          LIMIT_MS,
        );
        scene.requireStored(sizes, name);
        return { growth: result.events[0]!.peakMb - result.peakMb, peak: result.events[0]!.peakMb };
      });
      const growth = (name: string) => median(results[name]!.map((result) => result.growth));
      const stored = (name: string) => (IMAGES * LOADS[name.split(', ')[1] as keyof typeof LOADS]) / 2 ** 20;
      const [small = '', large = ''] = Object.keys(LOADS).map((load) => `webhook, ${load}`);
      return {
        sections: [
          {
            heading: `Medians of ${ROUNDS} interleaved runs, in MB of 2^20 bytes`,
            columns: ['way', 'stored', 'peak', 'growth', 'growth ÷ stored'],
            rows: cases.map((name) => [
              name,
              round(stored(name)),
              round(median(results[name]!.map(({ peak }) => peak))),
              round(growth(name), 1),
              round(growth(name) / stored(name), 3),
            ]),
          },
        ],
        budgets: [
          {
            what: 'growth ÷ bytes stored, 10 × 20 MB',
            value: round(growth(small) / stored(small), 3),
            most: GROWTH,
          },
          {
            what: 'growth at 10 × 40 MB ÷ growth at 10 × 20 MB',
            value: round(growth(large) / growth(small), 2),
            most: FLATNESS,
          },
        ],
        notes: [
          "Growth is the kernel's largest resident set after the event, less the one after loading the bundle: it holds the first TLS connections too.",
          `The function's environment as deployed: NODE_OPTIONS="${scene.environment.NODE_OPTIONS}".`,
        ],
      };
    } finally {
      await scene.close();
    }
  },
};
