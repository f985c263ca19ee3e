import Table from 'cli-table3';
import { Command } from 'commander';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { everythingAtOnce } from './everything.ts';
import { MUTANTS } from './mutants.ts';
import { play } from './run.ts';
import { deployedStack } from './stack.ts';

const positive = wholeNumber(1);

const { seeds, rounds, cells, only } = new Command('npm run sim:mutants --')
  .description('Plants each fault of sim/mutants.ts, and counts the seeds that it takes to find it.')
  .option('--seeds <count>', 'most seeds for one fault', positive, 200)
  .option('--rounds <count>', 'how often each fault is looked for, with other seeds', positive, 5)
  .option('--cells <count>', 'cells of each seed', positive, 40)
  .option('--only <text>', 'faults whose name has this text')
  .parse()
  .opts<{ seeds: number; rounds: number; cells: number; only?: string }>();

/** Seeds until the first broken promise, and which it was; undefined if none of them found it. */
async function find(name: string, from: number, stack: Awaited<ReturnType<typeof deployedStack>>) {
  for (let n = 0; n < seeds; n++) {
    const { violations } = await play(everythingAtOnce(from + n, cells), from + n, stack, {
      plant: MUTANTS[name],
    });
    if (violations[0]) return { seeds: n + 1, promise: violations[0].promise };
  }
  return undefined;
}

const stack = await deployedStack();
const names = Object.keys(MUTANTS).filter((name) => name.includes(only ?? ''));
const progress = createProgress({ json: false });
const bar = progress.row('faults', names.length);
const table = new Table({
  head: ['planted fault', 'found by', 'seeds, median', 'seeds, most'],
  style: { head: [] },
});
const missed: string[] = [];
for (const [done, name] of names.entries()) {
  bar.update(done, name);
  const found: { seeds: number; promise: string }[] = [];
  for (let round = 0; round < rounds; round++) {
    const one = await find(name, 1 + round * 1_000, stack);
    if (one) found.push(one);
  }
  const counts = found.map((one) => one.seeds).sort((one, other) => one - other);
  if (found.length < rounds) missed.push(name);
  table.push([
    name,
    [...new Set(found.map(({ promise }) => promise))].join('; '),
    counts.length === rounds ? String(counts[Math.floor(rounds / 2)]) : '–',
    found.length === rounds
      ? String(counts.at(-1))
      : `not found in ${rounds - found.length} of ${rounds} rounds of ${seeds}`,
  ]);
}
bar.update(names.length);
progress.stop();
console.log(table.toString());
console.log(
  `${names.length - missed.length} of ${names.length} planted faults found${missed.length > 0 ? `; not found every time: ${missed.join(', ')}` : ''}.`,
);
process.exitCode = missed.length > 0 ? 1 : 0;
