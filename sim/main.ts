import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { Coverage } from './coverage.ts';
import { everythingAtOnce } from './everything.ts';
import { HAPPENINGS } from './happenings.ts';
import type { Line } from './kernel.ts';
import { play, type Run } from './run.ts';
import { playSeeds } from './seeds.ts';
import { deployedStack } from './stack.ts';

const whole = wholeNumber(0);

/** The exit status after Ctrl-C. */
const INTERRUPTED = 130;

const program = new Command('npm run sim --')
  .description('Plays the pipeline as it is deployed in simulated worlds in which everything goes wrong.')
  .option('--seed <number>', 'play this seed, and say what happened', whole)
  .option('--seeds <count>', 'play so many seeds, and stop at the first broken promise', whole)
  .option('--from <number>', 'the first of the seeds', whole, 1)
  .option('--cells <count>', 'cells of each seed', whole, 100)
  .option('--trace <cell>', "with --seed: print the cell's whole life", whole)
  .option('--cores <count>', 'threads that play at once', wholeNumber(1), availableParallelism())
  .option('--coverage', 'print which fault met which call', false)
  .addHelpText(
    'after',
    `
Examples:
  npm run sim -- --seeds 200
  npm run sim -- --seeds 100000           overnight; Ctrl-C ends it and says how to resume
  npm run sim -- --seed 7 --trace 12      why seed 7 broke a promise to cell 12`,
  )
  .parse();

interface Options {
  seed?: number;
  seeds?: number;
  from: number;
  cells: number;
  trace?: number;
  cores: number;
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

/** What some seeds amount to. */
class Totals {
  readonly coverage = new Coverage();
  readonly sums = { cells: 0, events: 0, faults: 0, deaths: 0, hours: 0 };
  readonly #hashes = new Map<number, string>();
  readonly #began = performance.now();

  add({ seed, hash, figures, coverage }: Run): void {
    this.coverage.merge(coverage);
    for (const key of Object.keys(this.sums) as (keyof typeof this.sums)[]) this.sums[key] += figures[key];
    this.#hashes.set(seed, hash);
  }

  get seeds(): number {
    return this.#hashes.size;
  }

  /** Of the hashes of all seeds: the same for the same seeds, however they were played. */
  get #hash(): string {
    const hashes = [...this.#hashes].sort(([one], [other]) => one - other).map(([, hash]) => hash);
    if (hashes.length === 1) return hashes[0]!;
    return createHash('sha256').update(hashes.join()).digest('hex').slice(0, 16);
  }

  /** @param says what came of it */
  print(says: string): void {
    const { cells, events, faults, deaths, hours } = this.sums;
    const seconds = (performance.now() - this.#began) / 1_000;
    const { user, system } = process.cpuUsage();
    console.log(
      `${this.seeds} ${this.seeds === 1 ? 'seed' : 'seeds'}, ${says}: ${cells} cells, ${events} events, ` +
        `${faults} faults, ${deaths} deaths, ${hours.toFixed(0)} simulated hours in ${seconds.toFixed(1)} s ` +
        `(${Math.round(cells / seconds)} cells a second; ${((user + system) / 1e6).toFixed(1)} s of processor time), ` +
        `hash ${this.#hash}`,
    );
  }
}

async function playOne(seed: number, { cells, trace, coverage }: Options): Promise<number> {
  const totals = new Totals();
  const name = trace === undefined ? undefined : String(trace).padStart(5, '0');
  const run = await play(everythingAtOnce(seed, cells), seed, await deployedStack(), {
    ...(name && { trace: (line: Line) => line.about.includes(name) && console.log(show(line)) }),
  });
  if (run.violations.length > 0) {
    explain(run, cells);
    return 1;
  }
  totals.add(run);
  if (coverage) printCoverage(totals.coverage);
  totals.print('no promise broken');
  return 0;
}

async function playMany({ seeds: count = 20, from, cells, cores, coverage }: Options): Promise<number> {
  const totals = new Totals();
  const progress = createProgress({ json: false });
  const bar = progress.row('seeds', count);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  let broken: Run | undefined;
  const onRun = (run: Run) => {
    if (run.violations.length > 0) broken = run;
    else totals.add(run);
    bar.update(totals.seeds, `${totals.sums.faults} faults`);
  };
  await playSeeds({ from, count, cells, cores, signal: interrupted.signal, onRun });
  progress.stop();
  if (coverage) printCoverage(totals.coverage);
  if (broken) {
    totals.print('no promise broken, before the one that follows');
    explain(broken, cells);
    return 1;
  }
  totals.print('no promise broken');
  if (totals.seeds === count) return 0;
  const at = from + totals.seeds;
  console.log(
    `Interrupted. To resume: npm run sim -- --from ${at} --seeds ${count - totals.seeds} --cells ${cells}`,
  );
  return INTERRUPTED;
}

const options = program.opts<Options>();
process.exitCode = await (options.seed === undefined ? playMany(options) : playOne(options.seed, options));
