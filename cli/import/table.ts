import type { Row } from '../../lib/audits/rows.ts';
import { readFileRows } from '../../lib/design-file/read.ts';
import { type PlacedRow, toPrompts } from '../../lib/design-file/rows.ts';
import { readWith } from '../design.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { ImportRow } from './pictures.ts';

/** The column that names the files of a row. All others are factors. */
const FILE = 'file';
const ALMOST_FILE = /file|^(path|images?|pictures?|photos?)$/i;

/** What a table says of an import. */
export interface ImportTable {
  /** Each once. */
  prompts: (string | Row)[];
  rows: ImportRow[];
  /** What was trimmed, renamed or left out, in sentences. */
  notes: string[];
}

/**
 * Reads the table of an import: a column `prompt`, and one, `file`, for the pictures of each row. A prompt may have several rows.
 * @throws {CommandError} naming the file and the row
 */
export const readImportTable = (table: string, encoding: string | undefined): Promise<ImportTable> =>
  readWith(table, (bytes, name) => {
    const { rows, notes } = readFileRows(bytes, name, encoding);
    return importTable(rows, name, notes);
  });

function importTable(placed: readonly PlacedRow[], name: string, notes: string[]): ImportTable {
  const distinct = new Map<string, PlacedRow>();
  const named: Omit<ImportRow, 'prompt'>[] = [];
  for (const { place, text, factors, model } of placed) {
    const wrong = (what: string) => new CommandError(EXIT.usage, `${name}, ${place}: ${what}`);
    if (model.trim() !== '')
      throw wrong(
        'an import is of one model. Remove the column "model", pass --model, and import the pictures of each model by themselves.',
      );
    const file = factors.find(([factor]) => factor.toLowerCase() === FILE)?.[1];
    const almost = file === undefined ? factors.find(([factor]) => ALMOST_FILE.test(factor))?.[0] : undefined;
    const row = {
      place,
      text,
      model: '',
      factors: factors.filter(([factor]) => factor.toLowerCase() !== FILE),
    };
    const isEmpty = [text, ...row.factors.map(([, value]) => value)].every((value) => value.trim() === '');
    if (isEmpty && file?.trim())
      throw wrong(`the prompt of ${file.trim()} is empty. Write it, or remove the row.`);
    if (!isEmpty) named.push({ place: `${name}, ${place}`, text: text.trim(), file, almost });
    // Rows that are equal but for their files are one prompt.
    const key = JSON.stringify([text.trim(), row.factors.map(([factor, value]) => [factor, value.trim()])]);
    if (!distinct.has(key)) distinct.set(key, row);
  }
  const read = toPrompts([...distinct.values()], name);
  const places = new Map(
    read.prompts.map((prompt, place) => [typeof prompt === 'string' ? prompt : prompt.text, place]),
  );
  return {
    prompts: read.prompts,
    rows: named.map((row) => ({ ...row, prompt: places.get(row.text)! })),
    notes: [...notes, ...read.notes],
  };
}
