import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Table from 'cli-table3';

/** A value with its limit. */
export interface Budget {
  what: string;
  value: number;
  /** The largest value allowed. */
  most?: number;
  /** The smallest value allowed. */
  least?: number;
}

export interface Section {
  heading: string;
  columns: string[];
  rows: (string | number)[][];
}

/** The result of a benchmark. */
export interface Report {
  sections: Section[];
  budgets: Budget[];
  /** What a reader must know to interpret the numbers. */
  notes?: string[];
}

export interface Benchmark {
  name: string;
  /** Number of the figure in docs/performance.md. */
  figure: number;
  title: string;
  /** @param progress called with each step, for people who wait */
  run(progress: (text: string) => void): Promise<Report>;
}

const RESULTS = path.join(import.meta.dirname, 'results');
const PLAIN = { style: { head: [], border: [] } };

const isMet = ({ value, most, least }: Budget) =>
  Number.isFinite(value) && (most === undefined || value <= most) && (least === undefined || value >= least);

/** Prints a report and returns whether every budget is met. */
export function print(benchmark: Benchmark, report: Report): boolean {
  console.log(`\n${benchmark.figure}. ${benchmark.title}`);
  for (const { heading, columns, rows } of report.sections) {
    const table = new Table({
      head: columns,
      colAligns: columns.map((_, i) => (i === 0 ? 'left' : 'right')),
      ...PLAIN,
    });
    table.push(...rows);
    console.log(`${heading}\n${table.toString()}`);
  }
  for (const note of report.notes ?? []) console.log(`  ${note}`);
  for (const budget of report.budgets) {
    const limit = budget.most === undefined ? `at least ${budget.least}` : `at most ${budget.most}`;
    console.log(`  ${isMet(budget) ? 'met   ' : 'MISSED'} ${budget.what}: ${budget.value} (${limit})`);
  }
  return report.budgets.every(isMet);
}

/** Writes a report to `bench/results/`. Documents quote these files. */
export async function record(benchmark: Benchmark, report: Report, seconds: number): Promise<void> {
  const content = {
    name: benchmark.name,
    figure: benchmark.figure,
    title: benchmark.title,
    at: new Date().toISOString(),
    seconds: Math.round(seconds),
    machine: {
      node: process.version,
      cpu: os.cpus()[0]?.model,
      cores: os.availableParallelism(),
      memoryMb: Math.round(os.totalmem() / 2 ** 20),
      platform: `${os.platform()} ${os.arch()}`,
    },
    ...report,
    budgets: report.budgets.map((budget) => ({ ...budget, met: isMet(budget) })),
  };
  await mkdir(RESULTS, { recursive: true });
  await writeFile(path.join(RESULTS, `${benchmark.name}.json`), `${JSON.stringify(content, null, 2)}\n`);
}

/** A number rounded to a number of decimals. */
export const round = (value: number, decimals = 0): number => Number(value.toFixed(decimals));
