import Table from 'cli-table3';
import type { FaultRecord } from './faults/record.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { ChaosResult } from './run.ts';

export const inWords = (counts: Map<string, number>, between = '\n'): string =>
  counts.size === 0 ? 'none' : [...counts].map(([name, n]) => `${n} ${name}`).join(between);

export const sumOf = (counts: Map<string, number>): number =>
  [...counts.values()].reduce((sum, n) => sum + n, 0);

/** All violations in one list. */
export const violationsOf = ({ violations }: Ledger): string[] =>
  Object.entries(violations).flatMap(([kind, list]) => list.map((what: string) => `${kind}: ${what}`));

export function printLedger({ ledger, faults, repairs, seconds }: ChaosResult, seed: number): string {
  const table = new Table({
    head: [`seed ${seed}`, `${seconds.toFixed(0)} s`],
    style: { head: [], border: [] },
  });
  const { violations } = ledger;
  table.push(
    ['predictions requested', ledger.asked],
    ['predictions created', ledger.created],
    ['cells finished', inWords(ledger.ended)],
    ['closed without a prediction', inWords(ledger.givenUp)],
    ['images in S3', ledger.imagesInS3],
    ['images in the backup', ledger.imagesInBackup],
    ['tagged', inWords(ledger.tags)],
    ['lost outputs, and why', inWords(ledger.named)],
    ['predictions paid twice, and why', inWords(ledger.paidTwice)],
    ['dead letters, and why', inWords(ledger.dead)],
    ['repairs by reconcile', repairs],
    ['lost', violations.lost.length],
    ['duplicated', violations.duplicated.length],
    ['mismatched', violations.mismatched.length],
    ['orphaned', violations.orphaned.length],
    ['unexplained', violations.unexplained.length],
  );
  return `${table}\n${printFaults(faults)}\n`;
}

function printFaults(faults: FaultRecord): string {
  const counts = faults.counts();
  const lines = [...counts].map(([name, n]) => `  ${String(n).padStart(6)}  ${name}`);
  return [`${sumOf(counts)} faults were injected:`, ...lines].join('\n');
}
