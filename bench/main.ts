import { parseArgs } from 'node:util';
import { api } from './figures/api.ts';
import { bundles } from './figures/bundles.ts';
import { cost } from './figures/cost.ts';
import { memory } from './figures/memory.ts';
import { pipeline } from './figures/pipeline.ts';
import { start } from './figures/start.ts';
import { throughput } from './figures/throughput.ts';
import { type Benchmark, publish } from './report.ts';

const BENCHMARKS: Benchmark[] = [start, bundles, memory, throughput, pipeline, cost, api];

const HELP = `Usage: npm run bench [-- <name> …]

Measures, prints a table, writes bench/results/<name>.json, and compares with budgets. Without a name: all of them,
in less than ten minutes on two cores. The exit status is 1 when a budget is missed, 2 when a name is unknown.

${BENCHMARKS.map(({ name, figure, title }) => `  ${name.padEnd(12)} ${figure}. ${title}`).join('\n')}

Options:
  --help   this text
`;

function chosen(): Benchmark[] | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) return undefined;
    const unknown = positionals.find((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
    if (unknown !== undefined) throw new Error(`There is no benchmark "${unknown}".`);
    return positionals.length === 0
      ? BENCHMARKS
      : BENCHMARKS.filter(({ name }) => positionals.includes(name));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const benchmarks = chosen();
if (benchmarks === undefined) {
  console.log(HELP);
  process.exit(0);
}
let met = true;
for (const benchmark of benchmarks) {
  const begin = performance.now();
  const progress = (text: string) => console.error(`[${benchmark.name}] ${text}`);
  const report = await benchmark.run(progress);
  met = (await publish(benchmark, report, (performance.now() - begin) / 1_000)) && met;
}
process.exit(met ? 0 : 1);
