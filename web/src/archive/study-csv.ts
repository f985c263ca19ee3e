import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/browser/esm/sync';
import { rowOfStudy } from '../../../lib/download/study.ts';

/** All rows with a column `audit`, and the columns of all: audits have the factors of their own designs. */
export function mergedCsv(manifests: readonly { audit: string; csv: string }[]): string {
  const columns = new Set(['audit']);
  const rows = manifests.flatMap(({ audit, csv }) => {
    const [head = []] = parse(csv, { bom: true, to: 1 }) as string[][];
    for (const column of head) columns.add(column);
    return (parse(csv, { bom: true, columns: true }) as Record<string, string>[]).map((row) =>
      rowOfStudy(audit, row),
    );
  });
  return stringify(rows, { header: true, columns: [...columns], bom: true });
}
