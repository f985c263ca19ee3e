import { Command } from 'commander';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { Coverage } from './coverage.ts';
import { everythingAtOnce } from './everything.ts';
import { HAPPENINGS } from './happenings.ts';
import type { Line } from './kernel.ts';
import { play, type Run } from './run.ts';
import { deployedStack } from './stack.ts';

const whole = wholeNumber(0);

const program = new Command('npm run sim --')
  .description('Plays the pipeline as it is deployed in simulated worlds in which everything goes wrong.')
  .option('--seed <number>', 'play this seed, and say what happened', whole)
  .option('--seeds <count>', 'play so many seeds, and stop at the first broken promise', whole)
  .option('--from <number>', 'the first of the seeds', whole, 1)
  .option('--cells <count>', 'cells of each seed', whole, 100)
  .option('--trace <cell>', "with --seed: print the cell's whole life", whole)
  .option('--coverage', 'print which fault met which call', false)
  .addHelpText(
    'after',
    `
Examples:
  npm run sim -- --seeds 200
  npm run sim -- --seed 7 --trace 12      why seed 7 broke a promise to cell 12`,
  )
  .parse();

interface Options {
  seed?: number;
  seeds?: number;
  from: number;
  cells: number;
  trace?: number;
  coverage: boolean;
}

const moment = (at: number) => new Date(at).toISOString().slice(11, 23);
const show = ({ at, who, what, about, outcome }: Line) =>
  `  ${moment(at)}  ${who.padEnd(14)} ${what.padEnd(18)} ${about}${outcome === '' ? '' : `  → ${outcome}`}`;

function explain({ seed, violations, last }: Run, cells: number): void {
  const [first] = violations;
  if (!first) return;
  console.log(`\nSeed ${seed} broke a promise: ${first.promise}.\n  ${first.what}\n`);
  for (const { promise, what } of violations.slice(1, 5)) console.log(`  also: ${promise}: ${what}`);
  console.log('\nThe last events of the cell concerned:');
  for (const line of last) console.log(show(line));
  const trace = first.cell === undefined ? '' : ` --trace ${first.cell}`;
  console.log(`\nPlay it again: npm run sim -- --seed ${seed} --cells ${cells}${trace}`);
}

const FAULTS = ['unavailable', 'lost', 'dies before', 'dies after'] as const;

function printCoverage(coverage: Coverage): void {
  console.log('\nHow often each fate met each call:');
  const holes: string[] = [];
  for (const [name, fates] of [...coverage.calls].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const counts = FAULTS.map((fate) => `${fate} ${fates.get(fate) ?? 0}`);
    console.log(`  ${name.padEnd(70)} answered ${fates.get('answered') ?? 0} · ${counts.join(' · ')}`);
    for (const fate of FAULTS) if (!fates.has(fate)) holes.push(`${name} · ${fate}`);
  }
  console.log('\nWhat happened beside them:');
  for (const what of HAPPENINGS) {
    const count = coverage.happenings.get(what) ?? 0;
    console.log(`  ${what.padEnd(70)} ${count}`);
    if (count === 0) holes.push(what);
  }
  console.log(
    holes.length === 0
      ? '\nEvery fault met every call, and everything happened.'
      : `\nHoles, which no seed has tried:\n  ${holes.join('\n  ')}`,
  );
}

/** Most errors here are answers of a service. Where they were made says nothing, and costs time. */
Error.stackTraceLimit = 3;

async function main({ seed, seeds, from, cells, trace, coverage: wanted }: Options): Promise<number> {
  const stack = await deployedStack();
  const began = performance.now();
  const coverage = new Coverage();
  const first = seed ?? from;
  const count = seed === undefined ? (seeds ?? 20) : 1;
  const progress = createProgress({ json: count === 1 });
  const bar = progress.row('seeds', count);
  const name = trace === undefined ? undefined : String(trace).padStart(5, '0');
  const totals = { cells: 0, events: 0, faults: 0, deaths: 0, hours: 0 };
  let hash = '';
  for (let at = first; at < first + count; at++) {
    const run = await play(everythingAtOnce(at, cells), at, stack, {
      ...(name && { trace: (line: Line) => line.about.includes(name) && console.log(show(line)) }),
    });
    coverage.merge(run.coverage);
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += run.figures[key];
    hash = run.hash;
    bar.update(at - first + 1);
    if (run.violations.length === 0) continue;
    progress.stop();
    explain(run, cells);
    return 1;
  }
  progress.stop();
  if (wanted) printCoverage(coverage);
  const seconds = (performance.now() - began) / 1_000;
  console.log(
    `${count} ${count === 1 ? 'seed' : 'seeds'}, no promise broken: ${totals.cells} cells, ${totals.events} events, ` +
      `${totals.faults} faults, ${totals.deaths} deaths, ${totals.hours.toFixed(0)} simulated hours in ${seconds.toFixed(1)} s ` +
      `(${Math.round(totals.cells / seconds)} cells a second)${count === 1 ? `, hash ${hash}` : ''}`,
  );
  return 0;
}

process.exitCode = await main(program.opts<Options>());
