import Table from 'cli-table3';
import type { FaultRecord } from './faults/record.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { ChaosResult } from './run.ts';

export const inWords = (counts: Map<string, number>, between = '\n'): string =>
  counts.size === 0 ? 'none' : [...counts].map(([name, n]) => `${n} ${name}`).join(between);

export const sumOf = (counts: Map<string, number>): number =>
  [...counts.values()].reduce((sum, n) => sum + n, 0);

/** Everything that must not be, in one list. */
export const wrongsOf = ({ wrongs }: Ledger): string[] =>
  Object.entries(wrongs).flatMap(([kind, list]) => list.map((what: string) => `${kind}: ${what}`));

export function printLedger({ ledger, faults, repairs, seconds }: ChaosResult, seed: number): string {
  const table = new Table({
    head: [`seed ${seed}`, `${seconds.toFixed(0)} s`],
    style: { head: [], border: [] },
  });
  const { wrongs } = ledger;
  table.push(
    ['predictions ordered', ledger.asked],
    ['predictions created', ledger.created],
    ['cells ended', inWords(ledger.ended)],
    ['ended without a prediction', inWords(ledger.givenUp)],
    ['images in S3', ledger.imagesInS3],
    ['images in the backup', ledger.imagesInBackup],
    ['tagged', inWords(ledger.tags)],
    ['outputs that could not be had, and named', inWords(ledger.named)],
    ['predictions paid twice, and why', inWords(ledger.paidTwice)],
    ['dead letters, and why', inWords(ledger.dead)],
    ['repairs by reconcile', repairs],
    ['lost', wrongs.lost.length],
    ['duplicated', wrongs.duplicated.length],
    ['mismatched', wrongs.mismatched.length],
    ['orphaned', wrongs.orphaned.length],
    ['unexplained', wrongs.unexplained.length],
  );
  return `${table}\n${printFaults(faults)}\n`;
}

function printFaults(faults: FaultRecord): string {
  const counts = faults.counts();
  const lines = [...counts].map(([name, n]) => `  ${String(n).padStart(6)}  ${name}`);
  return [`${sumOf(counts)} faults were brought about:`, ...lines].join('\n');
}
