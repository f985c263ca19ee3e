import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Instrumenter, type InstrumentResult } from '@stryker-mutator/instrumenter';
import Table from 'cli-table3';
import { Command } from 'commander';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { shuffled } from '../lib/shuffled.ts';
import { Chance } from './kernel.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const MUTATED = [
  'lib/cells/*.ts',
  ...['accept', 'end', 'manifest', 'reconcile'].map((name) => `lib/audits/${name}.ts`),
];
/** Most texts are words for people, which the simulator does not read. */
const LEFT_OUT = ['StringLiteral'];
/** A mutant that takes so many times as long as the unchanged code hangs. */
const HANGS = 10;

const { sample, seed, seeds, cells, only } = new Command('npm run sim:mutation --')
  .description(
    'Changes lib/cells and lib/audits by machine, one small change at a time, and plays the simulator on each.\n' +
      'A change that breaks no promise survives; docs/simulation.md explains the survivors of one sample.',
  )
  .option('--sample <count>', 'mutants to try, drawn by the seed; 0 tries all', wholeNumber(0), 150)
  .option('--seed <number>', 'draws the sample', wholeNumber(1), 1)
  .option('--seeds <count>', 'simulated worlds for each mutant', wholeNumber(1), 20)
  .option('--cells <count>', 'cells of each world', wholeNumber(1), 30)
  .option('--only <place...>', 'mutants at these places, as survivors are printed: file:line:column')
  .addHelpText(
    'after',
    `
Examples:
  npm run sim:mutation -- --sample 50 --seed 7
  npm run sim:mutation -- --only lib/cells/pacer.ts:40:12 --seeds 200      whether more worlds find a survivor

The exit status is 1 if the unchanged code breaks a promise, and 0 otherwise: a survivor is a question, not a fault.`,
  )
  .parse()
  .opts<{ sample: number; seed: number; seeds: number; cells: number; only?: string[] }>();

type Mutant = InstrumentResult['mutants'][number];
type Verdict = { fate: 'killed'; by: string } | { fate: 'survived' } | { fate: 'not reached' };

const run = promisify(execFile);

/**
 * Plays the simulator in a process of its own.
 * @returns what ended it early: a broken promise, mostly; undefined if all promises were kept
 */
async function simulate(
  folder: string,
  env: Record<string, string>,
  timeout = 0,
): Promise<string | undefined> {
  const args = [
    '--import',
    './sim/mutation-hook.ts',
    'sim/main.ts',
    '--seeds',
    `${seeds}`,
    '--cells',
    `${cells}`,
    // The hits are counted in one thread.
    '--cores',
    '1',
  ];
  try {
    await run(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, MUTATION_FOLDER: folder, ...env },
      timeout,
      killSignal: 'SIGKILL',
    });
    return undefined;
  } catch (error) {
    const { killed, stdout = '' } = error as { killed?: boolean; stdout?: string };
    if (killed) return 'it hangs';
    return /broke a promise: (.*)\./.exec(stdout)?.[1] ?? 'the simulator stopped with an error';
  }
}

const placeOf = ({ fileName, location: { start } }: Mutant) =>
  `${fileName}:${start.line + 1}:${start.column + 1}`;

/** The text that a mutant replaces, on one line. */
function original({ location: { start, end } }: Mutant, text: string): string {
  const lines = text.split('\n').slice(start.line, end.line + 1);
  lines.push(lines.pop()!.slice(0, end.column));
  lines[0] = lines[0]!.slice(start.column);
  return lines.join(' ');
}
const short = (text: string) => {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 70 ? `${line.slice(0, 45)} … ${line.slice(-20)}` : line;
};

/** Prints the counts of each file, what killed the mutants, and each survivor. */
function print(all: Mutant[], verdicts: Map<Mutant, Verdict>, texts: Map<string, string>): void {
  const head = ['file', 'mutants', 'tried', 'killed', 'survived', 'not reached'];
  const table = new Table({ head, style: { head: [] } });
  const row = (name: string, of: (mutant: Mutant) => boolean) => {
    const fates = [...verdicts].filter(([mutant]) => of(mutant)).map(([, { fate }]) => fate);
    const count = (wanted: Verdict['fate']) => fates.filter((fate) => fate === wanted).length;
    table.push([
      name,
      all.filter(of).length,
      fates.length,
      count('killed'),
      count('survived'),
      count('not reached'),
    ]);
  };
  for (const name of texts.keys()) row(name, ({ fileName }) => fileName === name);
  row('all', () => true);
  console.log(table.toString());

  const by = new Map<string, number>();
  for (const verdict of verdicts.values())
    if (verdict.fate === 'killed') by.set(verdict.by, (by.get(verdict.by) ?? 0) + 1);
  console.log('\nKilled by:');
  for (const [name, count] of [...by].sort(([, one], [, other]) => other - one))
    console.log(`  ${String(count).padStart(4)}  ${name}`);

  console.log('\nSurvivors:');
  for (const mutant of all) {
    const fate = verdicts.get(mutant)?.fate;
    if (!fate || fate === 'killed') continue;
    const text = texts.get(mutant.fileName)!;
    console.log(
      `  ${placeOf(mutant)}  ${short(original(mutant, text))}  →  ${short(mutant.replacement)}${fate === 'not reached' ? '  (not reached)' : ''}`,
    );
  }
}

async function main(folder: string): Promise<number> {
  const began = performance.now();
  const files = await Promise.all(
    globSync(MUTATED, { cwd: ROOT })
      .sort()
      .map(async (name) => ({ name, content: await readFile(path.join(ROOT, name), 'utf8'), mutate: true })),
  );
  const silent = { debug() {}, info() {}, isDebugEnabled: () => false };
  const instrumenter = new Instrumenter(silent as unknown as ConstructorParameters<typeof Instrumenter>[0]);
  const made = await instrumenter.instrument(files, {
    plugins: null,
    ignorers: [],
    excludedMutations: LEFT_OUT,
  });
  for (const { name, content } of made.files) {
    const to = path.join(folder, name);
    await mkdir(path.dirname(to), { recursive: true });
    await writeFile(to, content);
  }

  const hitsFile = path.join(folder, 'hits.json');
  const baseline = performance.now();
  const broken = await simulate(folder, { MUTATION_HITS: hitsFile });
  if (broken) {
    console.error(
      `Without a mutant: ${broken}. Run npm run sim -- --seeds ${seeds} --cells ${cells} and repair that first.`,
    );
    return 1;
  }
  const limitMs = Math.ceil(HANGS * (performance.now() - baseline));
  const hits = JSON.parse(await readFile(hitsFile, 'utf8')) as Record<string, number>;

  const all = made.mutants.filter(
    (mutant) => mutant.status !== 'Ignored' && (!only || only.includes(placeOf(mutant))),
  );
  const chosen = shuffled(all, new Chance(seed)).slice(0, sample || all.length);
  const verdicts = new Map<Mutant, Verdict>();
  const progress = createProgress({ json: false });
  const bar = progress.row('mutants', chosen.length);
  const survived = () => [...verdicts.values()].filter(({ fate }) => fate !== 'killed').length;
  const next = chosen.values();
  const work = async () => {
    for (const mutant of next) {
      if (hits[mutant.id] === undefined) verdicts.set(mutant, { fate: 'not reached' });
      else {
        const by = await simulate(folder, { __STRYKER_ACTIVE_MUTANT__: mutant.id }, limitMs);
        verdicts.set(mutant, by ? { fate: 'killed', by } : { fate: 'survived' });
      }
      bar.update(verdicts.size, `${survived()} survived`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  progress.stop();

  print(all, verdicts, new Map(files.map(({ name, content }) => [name, content])));
  console.log(
    `\n${chosen.length} of ${all.length} mutants tried in ${Math.round((performance.now() - began) / 1_000)} s: ` +
      `${chosen.length - survived()} killed, ${survived()} survived.`,
  );
  return 0;
}

const folder = await mkdtemp(path.join(tmpdir(), 'mutation-'));
try {
  process.exitCode = await main(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
