import { Command, InvalidArgumentError } from 'commander';
import { createProgress } from '../cli/progress.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import { STEP } from './design.ts';
import { inWords, printLedger, sumOf, violationsOf } from './print.ts';
import { type ChaosResult, runChaos } from './run.ts';

const SHOWN = 20;

const whole = wholeNumber(1);

function multiple(text: string): number {
  const value = whole(text);
  if (value % STEP !== 0 || value > 10_000)
    throw new InvalidArgumentError(`It must be a multiple of ${STEP}, and at most 10000.`);
  return value;
}

const program = new Command('npm run chaos --')
  .description(
    'Runs one audit on a local cloud of its own through every fault at once, and draws up a ledger from the stand-in’s log and the buckets. The exit status is 1 if anything was lost, duplicated, mismatched, orphaned or unexplained.',
  )
  .option('--predictions <number>', `cells of the audit, a multiple of ${STEP}`, multiple, 1_000)
  .option('--seed <number>', 'the same seed injects the same faults', whole, 1)
  .option('--seeds <number>', 'number of runs; each has the next seed', whole, 1)
  .option('--brief', 'one row a seed, as docs/reliability.md has them', false)
  .addHelpText('after', '\nExample:\n  npm run chaos -- --predictions 1000 --seed 7');
const { predictions, seed, seeds, brief } = program
  .parse()
  .opts<{ predictions: number; seed: number; seeds: number; brief: boolean }>();

function row({ ledger, faults, repairs, seconds }: ChaosResult, number: number): string {
  const { ended, violations } = ledger;
  const kinds = ['succeeded', 'failed', 'refused'].map((kind) => ended.get(kind) ?? 0).join(' / ');
  return `| ${[
    number,
    sumOf(faults.counts()),
    ledger.created,
    kinds,
    `${ledger.imagesInS3} / ${ledger.imagesInBackup}`,
    sumOf(ledger.named),
    inWords(ledger.paidTwice, ', '),
    inWords(ledger.dead, ', '),
    repairs,
    Object.values(violations)
      .map((list) => list.length)
      .join(' / '),
    Math.round(seconds),
  ].join(' | ')} |`;
}

for (let number = seed; number < seed + seeds; number++) {
  const progress = createProgress({ json: false });
  const rows = {
    cells: progress.row(`seed ${number}: cells`, predictions),
    ledger: progress.row(`seed ${number}: ledger`, predictions),
  };
  let result: ChaosResult;
  try {
    result = await runChaos({
      predictions,
      seed: number,
      onProgress: (at, done) => rows[at].update(done),
    });
  } catch (error) {
    progress.stop();
    console.error(`seed ${number}: ${(error as Error).message}`);
    process.exitCode = 1;
    continue;
  }
  progress.stop();
  console.log(brief ? row(result, number) : printLedger(result, number));
  const violations = violationsOf(result.ledger);
  for (const violation of violations.slice(0, SHOWN)) console.error(`seed ${number}: ${violation}`);
  if (violations.length > SHOWN) console.error(`seed ${number}: and ${violations.length - SHOWN} more`);
  if (violations.length > 0) process.exitCode = 1;
}
