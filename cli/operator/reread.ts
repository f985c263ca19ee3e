import pLimit from 'p-limit';
import { type Reread, rereadResult } from '../../lib/audits/reread.ts';
import type { ObjectStore } from '../../lib/ports.ts';
import { isAuditId, resultsPrefix } from '../../lib/records/keys.ts';
import { readPlan } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { RULES } from '../../lib/replicate/reading/read.ts';
import { CommandError, EXIT } from '../exit.ts';
import { count, oneLine, table } from '../output.ts';

export interface Rereading {
  audit: string;
  /** Version of the current rules. */
  rules: number;
  results: number;
  /** How many results were read by which version of the rules; `none` for those without a version. */
  recorded: Record<string, number>;
  changed: Reread[];
}

const PARALLEL_READS = 16;
const MAX_ROWS = 100;

/**
 * Reads every result of an audit again with the current rules. Writes nothing.
 * @throws {CommandError} if there is no such audit
 */
export async function rereadAudit(images: ObjectStore, audit: string): Promise<Rereading> {
  const plan = isAuditId(audit) ? await readPlan(images, audit) : undefined;
  if (!plan)
    throw new CommandError(
      EXIT.refused,
      `There is no audit ${oneLine(audit, 40)} in ${images.bucket}, or its records were deleted.`,
    );
  const reading: Rereading = { audit, rules: RULES, results: 0, recorded: {}, changed: [] };
  const limit = pLimit(PARALLEL_READS);
  const tasks: Promise<void>[] = [];
  for await (const { key } of images.list(resultsPrefix(audit)))
    tasks.push(
      limit(async () => {
        const result = (await images.readJson<Result>(key))?.value;
        if (!result) return;
        const version = String(result.reading?.rules ?? 'none');
        reading.results++;
        reading.recorded[version] = (reading.recorded[version] ?? 0) + 1;
        const reread = rereadResult(plan, result);
        if (reread) reading.changed.push(reread);
      }),
    );
  await Promise.all(tasks);
  reading.changed.sort((one, other) => one.cell - other.cell);
  return reading;
}

const shown = (value: unknown): string => (value === null ? '-' : oneLine(String(value), 40));

/** Totals, then a row for each member of a result that would change. */
export function describeRereading({ rules, results, recorded, changed }: Rereading): string {
  const versions = Object.entries(recorded).map(([version, number]) =>
    version === 'none' ? `${number} without a version` : `${number} by version ${version}`,
  );
  const rows = changed.flatMap(({ cell, model, changes, words }) =>
    changes.map(({ field, recorded, read }) => [
      cell,
      oneLine(model, 40),
      field,
      shown(recorded),
      shown(read),
      oneLine(words.join(' / '), 80),
    ]),
  );
  return [
    `${count(results, 'result')} read by version ${rules} of the rules (recorded: ${versions.join(', ') || 'none'})`,
    changed.length === 0
      ? 'Nothing would change.'
      : `${count(changed.length, 'result')} would change. Nothing was written: results and manifest keep what was read first.`,
    ...(rows.length > 0
      ? [
          '',
          table(
            ['cell', 'model', 'field', 'recorded', 'today', 'words of the model'],
            rows.slice(0, MAX_ROWS),
          ),
        ]
      : []),
    ...(rows.length > MAX_ROWS ? [`… and ${rows.length - MAX_ROWS} more; --json lists all`] : []),
  ].join('\n');
}
