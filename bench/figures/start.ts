import path from 'node:path';
import { type Benchmark, round } from '../report.ts';
import { type ChildResult, runChild } from '../run-child.ts';
import { interleave, median } from '../statistics.ts';
import { BUNDLES, bundleForBench, bundleWay } from '../ways/bundle.ts';
import { webhookScene } from '../webhook-scene.ts';

const ROUNDS = 25;
const SIZES = [100_000];
/** The most that webhook may take, as a multiple of the floor. */
const BUDGET = 2.5;

/** How long a webhook takes at a cold start. */
export const start: Benchmark = {
  name: 'start',
  figure: 1,
  title: 'Cold start of the webhook: loading the bundle, and the first event (one image of 100 kB)',
  async run(progress) {
    progress('bundling');
    await bundleForBench(['webhook']);
    const bundles: Record<string, string> = {
      'bare floor': await bundleWay('bare'),
      floor: await bundleWay('floor'),
      webhook: path.join(BUNDLES, 'functions', 'webhook.cjs'),
      naive: await bundleWay('naive', 'esm'),
    };
    const ways = Object.keys(bundles);
    const scene = await webhookScene();
    const requests: Record<string, number> = {};
    const run = async (way: string): Promise<ChildResult> => {
      scene.aws.reset();
      const result = await runChild(
        { bundle: bundles[way]!, events: [scene.event(SIZES)] },
        scene.environment,
      );
      scene.requireStored(SIZES, way);
      // One more for the image itself.
      requests[way] = scene.aws.requests.length + SIZES.length;
      return result;
    };
    try {
      progress('every way once, its upload checked');
      scene.aws.verify = true;
      for (const way of ways) await run(way);
      scene.aws.verify = false;
      const results = await interleave(ways, ROUNDS, (way, n) => {
        if (way === ways[0]) progress(`round ${n + 1} of ${ROUNDS}`);
        return run(way);
      });
      const times = (way: string, of: (result: ChildResult) => number) => median(results[way]!.map(of));
      const total = (way: string) => times(way, ({ initMs, events }) => initMs + events[0]!.ms);
      const ratio = round(total('webhook') / total('floor'), 2);
      return {
        sections: [
          {
            heading: `Medians of ${ROUNDS} interleaved process launches`,
            columns: [
              'way',
              'requests',
              'load, ms',
              'first event, ms',
              'together, ms',
              '÷ floor',
              '÷ bare floor',
            ],
            rows: ways.map((way) => [
              way,
              requests[way] ?? 0,
              round(
                times(way, ({ initMs }) => initMs),
                1,
              ),
              round(
                times(way, ({ events }) => events[0]!.ms),
                1,
              ),
              round(total(way), 1),
              round(total(way) / total('floor'), 2),
              round(total(way) / total('bare floor'), 2),
            ]),
          },
        ],
        budgets: [{ what: 'webhook ÷ floor', value: ratio, most: BUDGET }],
        notes: [
          'floor: every request of the webhook, written by hand on node:https and node:crypto. naive: ES modules, SDK, fetch, zod, replicate, and only three requests.',
          'bare floor: by hand too, but only signature, image and result; the secret comes from the environment.',
        ],
      };
    } finally {
      await scene.close();
    }
  },
};
