import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { Command } from 'commander';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { everythingAtOnce } from './everything.ts';
import { MUTANTS } from './mutants.ts';
import { PATCHES, type Patch } from './patches.ts';
import { play } from './run.ts';
import { deployedStack } from './stack.ts';
import type { Plant } from './world.ts';
import { faultIn, WORLDS } from './worlds.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const positive = wholeNumber(1);

const { seeds, rounds, cells, only } = new Command('npm run sim:mutants --')
  .description('Plants each fault of sim/mutants.ts, and counts the seeds that it takes to find it.')
  .option('--seeds <count>', 'most seeds for one fault', positive, 200)
  .option('--rounds <count>', 'how often each fault is looked for, with other seeds', positive, 5)
  .option('--cells <count>', 'cells of each seed', positive, 40)
  .option('--only <text>', 'faults whose name has this text')
  .parse()
  .opts<{ seeds: number; rounds: number; cells: number; only?: string }>();

interface Found {
  seeds: number;
  promise: string;
}

/** Seeds until the first broken promise, and which it was; undefined if none of them found it. */
async function findBySeeds(plant: Plant, from: number): Promise<Found | undefined> {
  for (let n = 0; n < seeds; n++) {
    const { violations } = await play(everythingAtOnce(from + n, cells), from + n, stack, { plant });
    if (violations[0]) return { seeds: n + 1, promise: violations[0].promise };
  }
  return undefined;
}

/** The same in a named world. */
async function findInWorld(plant: Plant, name: string, seed: number): Promise<Found | undefined> {
  const fault = faultIn(
    WORLDS[name]!,
    await play(WORLDS[name]!.scenario, seed, await deployedStack(...(WORLDS[name]!.parameters ?? [])), {
      plant,
    }),
  );
  return fault === undefined ? undefined : { seeds: 1, promise: fault };
}

const run = promisify(execFile);

/** The same with a changed source, in a process of its own. @param folder where the changed file is put */
async function findPatched(
  { file, change, world }: Patch,
  seed: number,
  folder: string,
): Promise<Found | undefined> {
  let source = await readFile(path.join(ROOT, file), 'utf8');
  for (const [text, by] of change) {
    if (source.split(text).length !== 2)
      throw new Error(
        `${file} does not have the text of a planted fault once: ${text}. Change sim/patches.ts too.`,
      );
    source = source.replace(text, () => by);
  }
  const to = path.join(folder, file);
  await mkdir(path.dirname(to), { recursive: true });
  await writeFile(to, source);
  const args = world
    ? ['sim/worlds.ts', '--only', world, '--seed', `${seed}`, '--plain']
    : ['sim/main.ts', '--from', `${seed}`, '--seeds', `${seeds}`, '--cells', `${cells}`, '--cores', '1'];
  try {
    await run(process.execPath, ['--import', './sim/mutation-hook.ts', ...args], {
      cwd: ROOT,
      env: { ...process.env, MUTATION_FOLDER: folder },
    });
    return undefined;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const promise = /: RED: (.*)/.exec(stderr)?.[1] ?? /broke a promise: (.*)\./.exec(stdout)?.[1];
    if (promise === undefined) throw error;
    return { seeds: Number(/^(\d+) seeds?, /m.exec(stdout)?.[1] ?? 0) + 1, promise };
  } finally {
    await rm(to);
  }
}

/** One look for a fault. */
function find(name: string, round: number, folder: string): Promise<Found | undefined> {
  const from = 1 + round * 1_000;
  const patch = PATCHES[name];
  if (patch) return findPatched(patch, patch.world ? 1 + round : from, folder);
  const plant = MUTANTS[name]!;
  return plant.world ? findInWorld(plant, plant.world, 1 + round) : findBySeeds(plant, from);
}

const stack = await deployedStack();
const folder = await mkdtemp(path.join(tmpdir(), 'patches-'));
const names = [...Object.keys(MUTANTS), ...Object.keys(PATCHES)].filter((name) => name.includes(only ?? ''));
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
  const world = (MUTANTS[name] ?? PATCHES[name])!.world;
  // A world is long, and nothing in it is left to chance.
  const most = world ? 1 : rounds;
  for (let round = 0; round < most; round++) {
    const one = await find(name, round, folder);
    if (one) found.push(one);
  }
  const counts = found.map((one) => one.seeds).sort((one, other) => one - other);
  if (found.length < most) missed.push(name);
  const miss = `not found in ${most - found.length} of ${most} rounds of ${seeds}`;
  table.push([
    name,
    [...new Set(found.map(({ promise }) => promise))].join('; '),
    ...(world
      ? [`"${world}"`, found.length > 0 ? '' : 'not found']
      : [
          found.length === most ? String(counts[Math.floor(most / 2)]) : '–',
          found.length === most ? String(counts.at(-1)) : miss,
        ]),
  ]);
}
await rm(folder, { recursive: true, force: true });
bar.update(names.length);
progress.stop();
console.log(table.toString());
console.log(
  `${names.length - missed.length} of ${names.length} planted faults found${missed.length > 0 ? `; not found every time: ${missed.join(', ')}` : ''}.`,
);
process.exitCode = missed.length > 0 ? 1 : 0;
