import path from 'node:path';
import { functionNames } from '../../build/bundle.ts';
import { bundleSizes, LIMITS } from '../../build/bundle-size.ts';
import { type Benchmark, round } from '../report.ts';
import { BUNDLES, bundleForBench } from '../ways/bundle.ts';

const kB = (bytes: number) => round(bytes / 1_000, 1);
/** Number of packages shown by name; the others are summed up. */
const SHOWN = 14;

/** Size and contents of the deployed bundles. They are deterministic, so test/packaged/bundles.test.ts checks them too. */
export const bundles: Benchmark = {
  name: 'bundles',
  figure: 2,
  title: 'Size and contents of the bundles',
  async run(progress) {
    progress('bundling');
    const metafiles = await bundleForBench(await functionNames());
    const sizes = await bundleSizes(path.join(BUNDLES, 'functions'), metafiles);
    const limitOf = (name: string) => LIMITS[name] ?? LIMITS.others!;
    const totals = new Map<string, number>();
    for (const { packages } of sizes)
      for (const [name, bytes] of packages) totals.set(name, Math.max(totals.get(name) ?? 0, bytes));
    const names = [...totals].sort(([, a], [, b]) => b - a).map(([name]) => name);
    const inFunction = (name: string) => sizes.map(({ packages }) => new Map(packages).get(name) ?? 0);
    const rest = sizes.map((_, i) => names.slice(SHOWN).reduce((sum, name) => sum + inFunction(name)[i]!, 0));
    return {
      sections: [
        {
          heading: 'Bundles, in kB (1,000 bytes)',
          columns: ['function', 'minified', 'zipped', 'budget'],
          rows: sizes.map(({ name, bytes, zipped }) => [name, kB(bytes), kB(zipped), kB(limitOf(name))]),
        },
        {
          heading: 'Contents, minified, in kB',
          columns: ['package', ...sizes.map(({ name }) => name)],
          rows: [
            ...names.slice(0, SHOWN).map((name) => [name, ...inFunction(name).map(kB)]),
            [`${names.length - SHOWN} more`, ...rest.map(kB)],
          ],
        },
      ],
      budgets: sizes.map(({ name, zipped }) => ({
        what: `${name}, zipped, kB`,
        value: kB(zipped),
        most: kB(limitOf(name)),
      })),
    };
  },
};
