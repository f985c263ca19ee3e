import { parseArgs } from 'node:util';
import { api } from './figures/api.ts';
import { bundles } from './figures/bundles.ts';
import { cost } from './figures/cost.ts';
import { images } from './figures/images.ts';
import { memory } from './figures/memory.ts';
import { page } from './figures/page.ts';
import { pipeline } from './figures/pipeline.ts';
import { rating } from './figures/rating.ts';
import { rounds } from './figures/rounds.ts';
import { start } from './figures/start.ts';
import { throughput } from './figures/throughput.ts';
import { type Benchmark, print, record } from './report.ts';

const BENCHMARKS: Benchmark[] = [
  start,
  bundles,
  memory,
  throughput,
  pipeline,
  cost,
  api,
  images,
  page,
  rating,
  rounds,
];

const HELP = `Usage: npm run bench [-- <name> … [--record]]

Measures, prints a table, and compares with budgets. Without a name: all of them,
in a quarter of an hour on two cores. The exit status is 1 when a budget is missed, 2 when a name is unknown.

${BENCHMARKS.map(({ name, figure, title }) => `  ${name.padEnd(12)} ${figure}. ${title}`).join('\n')}

Options:
  --record   write the results to bench/results/<name>.json, which docs/performance.md quotes
  --help     this text
`;

function chosen(): { benchmarks: Benchmark[]; keep: boolean } | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' }, record: { type: 'boolean' } },
    });
    if (values.help) return undefined;
    const unknown = positionals.find((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
    if (unknown !== undefined) throw new Error(`There is no benchmark "${unknown}".`);
    const benchmarks =
      positionals.length === 0 ? BENCHMARKS : BENCHMARKS.filter(({ name }) => positionals.includes(name));
    return { benchmarks, keep: values.record === true };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const choice = chosen();
if (choice === undefined) {
  console.log(HELP);
  process.exit(0);
}
let met = true;
for (const benchmark of choice.benchmarks) {
  const begin = performance.now();
  const progress = (text: string) => console.error(`[${benchmark.name}] ${text}`);
  const report = await benchmark.run(progress);
  met = print(benchmark, report) && met;
  if (choice.keep) await record(benchmark, report, (performance.now() - begin) / 1_000);
}
process.exit(met ? 0 : 1);
