import { DESIGN } from '../limits.ts';
import { decode } from './decode.ts';
import { refuseDoubtful, refuseImport, refuseMarks } from './doubtful.ts';
import { DesignFileError } from './error.ts';
import { readJson } from './json.ts';
import { almostPrompt, factorName, isHeader, plain } from './names.ts';
import { type FileDesign, type PlacedRow, type ReadFile, type ReadRows, toPrompts } from './rows.ts';
import { type Cells, readCells } from './table.ts';

export interface ReadOptions {
  /** Label of the Encoding Standard; without one the file must be UTF-8, or UTF-16 with its mark. */
  encoding?: string | undefined;
  /** The table has values for the factors of a template instead of prompts. */
  template?: boolean;
}

/**
 * Reads a design from the bytes of a file. Its name says what it is: a table (`.csv`, `.tsv`), a prompt in each line
 * (`.txt`), or JSON. Text with another name is JSON if it begins like it, or a table if its first line has a column `prompt`.
 * @throws {DesignFileError} naming the file and the place
 */
export function readDesignFile(bytes: Uint8Array, file: string, options: ReadOptions = {}): ReadFile {
  return readDesignText(decode(bytes, file, options.encoding), file, options);
}

/** Reads a design from text that is decoded, such as a table that was copied from a spreadsheet. */
export function readDesignText(text: string, file: string, options: ReadOptions = {}): ReadFile {
  const { design, rows, notes } = readText(text, file, options);
  if (!rows) return { design, notes };
  refuseImport(rows, file);
  const read = toPrompts(rows, file);
  return { design: { ...design, prompts: read.prompts }, notes: [...notes, ...read.notes] };
}

/**
 * Reads the rows of a file as they are, none merged or left out: for columns that are no factors. `toPrompts` checks them.
 * @throws {DesignFileError} naming the file and the place
 */
export function readFileRows(
  bytes: Uint8Array,
  file: string,
  encoding?: string,
): { rows: PlacedRow[]; notes: string[] } {
  const { rows, notes } = readText(decode(bytes, file, encoding), file, {});
  if (!rows) throw new DesignFileError(`${file} has no list of prompts. Write them as rows of a table.`);
  return { rows, notes };
}

function readText(text: string, file: string, options: ReadOptions): ReadRows {
  if (text.trim() === '') throw emptyFile(file);
  switch (kindOf(text, file)) {
    case 'table':
      return readTable(text, file, options.template ?? false);
    case 'lines':
      return readLines(text, file);
    case 'json':
      return readJson(text, file);
  }
}

const emptyFile = (file: string) => new DesignFileError(`${file} is empty.`);

function kindOf(text: string, file: string): 'table' | 'lines' | 'json' {
  const extension = /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase();
  const startsAsTable = isHeader(/[^\r\n]+/.exec(text)![0]);
  if (extension === 'csv' || extension === 'tsv') return 'table';
  if (extension === 'txt') return startsAsTable ? 'table' : 'lines';
  if (/^(json|jsonl|ndjson)$/.test(extension ?? '') || /^\s*[[{]/.test(text)) return 'json';
  if (startsAsTable) return 'table';
  throw new DesignFileError(
    `${file} is no JSON, and its first line names no column "prompt". Give it a name that says what it is: .csv or .tsv (a table with a column "prompt"), .txt (a prompt in each line), or .json.`,
  );
}

function readLines(text: string, file: string): ReadRows {
  const lines = text.replace(/(\r\n|\r|\n)$/, '').split(/\r\n|\r|\n/);
  const placed = lines.map(
    (line, i): PlacedRow => ({ place: `line ${i + 1}`, text: line, factors: [], model: '' }),
  );
  // Somebody saved a column with its name.
  const named = placed.length > 1 && plain(lines[0]!) === 'prompt';
  const rows = named ? placed.slice(1) : placed;
  refuseMarks(rows, file);
  refuseDoubtful(rows, file);
  return {
    design: {},
    rows,
    notes: named ? ['Line 1 is the name of the column, "prompt", and was left out.'] : [],
  };
}

interface Column {
  /** Place in the row. */
  at: number;
  name: string;
}

function readTable(text: string, file: string, hasTemplate: boolean): ReadRows {
  const { cells, notes } = readCells(text, file);
  const headerAt = cells.findIndex((row) => !isEmpty(row));
  const header = cells[headerAt];
  if (!header) throw emptyFile(file);
  refuseTitle(text, file);
  const body = cells.slice(headerAt + 1);
  const renamed: string[] = [];
  if (withoutRowNumbers(header, body)) renamed.push('Column A numbers the rows and was left out.');
  const columns = columnsOf(header, body, headerAt, file, renamed);
  const rows = body.map((row, i) => ({ row, place: `row ${headerAt + i + 2}` }));
  if (rows.every(({ row }) => isEmpty(row)))
    throw new DesignFileError(
      columns.some(({ name }) => name === 'prompt')
        ? `${file} has no rows. Row ${headerAt + 1} names the columns; add a row below it.`
        : `${file} has no column "prompt" and a single row. Write "prompt" in the first row, and a prompt in each row below it.`,
    );
  const prompt = columns.find(({ name }) => name === 'prompt');
  if (!prompt && !hasTemplate) throw noPrompt(columns, header, file);
  const model = columns.find(({ name }) => name === 'model');
  const others = columns.filter((column) => column !== prompt && column !== model);
  if (others.length > DESIGN.factors)
    throw new DesignFileError(
      `${file} has ${others.length} columns beside "prompt" and "model"; at most ${DESIGN.factors} are allowed. Remove some.`,
    );
  for (const { row, place } of rows) {
    if (row.length > header.length && row.slice(header.length).some((cell) => cell.trim() !== ''))
      throw new DesignFileError(
        `${file}, ${place} has ${row.length} cells, but row ${headerAt + 1} names ${header.length} column${header.length === 1 ? '' : 's'}. A cell with a comma, semicolon or tab needs quotes: "a doctor, smiling".${header.length === 1 ? ' Or call it .txt, with a prompt in each line.' : ''}`,
      );
  }
  if (!prompt) return { design: toFactors(columns, body), notes: [...notes, ...renamed] };
  if (hasTemplate)
    throw new DesignFileError(
      `${file} has a column "prompt", and a template makes prompts, too. Omit one of them.`,
    );
  const placed = rows.map(
    ({ row, place }): PlacedRow => ({
      place,
      text: row[prompt.at] ?? '',
      factors: others.map(({ at, name }) => [name, row[at] ?? '']),
      model: (model && row[model.at]) ?? '',
    }),
  );
  refuseDoubtful(placed, file);
  return { design: {}, rows: placed, notes: [...notes, ...renamed] };
}

/**
 * R and pandas write numbers of rows in front, under no name, and R's `write.table` without a cell for the name. They are
 * no factor: a value for each prompt compares nothing.
 * @returns whether there are any; the cells are empty then
 */
function withoutRowNumbers(header: string[], body: Cells): boolean {
  const rows = body.filter((row) => !isEmpty(row));
  const isNumbers =
    new Set(rows.map(([first]) => first)).size === rows.length &&
    rows.every(([first]) => /^\d+$/.test(first!));
  if (rows.length === 0 || !isNumbers) return false;
  if (rows.every((row) => row.length === header.length + 1)) header.unshift('');
  if (!/^(Unnamed: \d+)?$/.test(header[0]!.trim())) return false;
  header[0] = '';
  for (const row of rows) row[0] = '';
  return true;
}

const isEmpty = (row: string[]) => row.every((cell) => cell.trim() === '');

/** The columns of a table that have a name. Names become names of factors. @param renamed gets a sentence for each change */
function columnsOf(
  header: string[],
  body: Cells,
  headerAt: number,
  file: string,
  renamed: string[],
): Column[] {
  const columns: Column[] = [];
  // Of each once, because a file can have a hundred thousand columns.
  const byName = new Map<string, Column>();
  const firstUse = new Map<number, number>();
  for (const [i, row] of body.entries())
    for (const [at, cell] of row.entries()) if (!firstUse.has(at) && cell.trim() !== '') firstUse.set(at, i);
  header.forEach((cell, at) => {
    const written = cell.trim();
    if (written === '') {
      const used = firstUse.get(at);
      if (used !== undefined)
        throw new DesignFileError(
          `${file}: column ${letters(at)} has no name, but row ${headerAt + used + 2} has "${body[used]![at]!.trim()}" there. Name it in row ${headerAt + 1}.`,
        );
      return;
    }
    const known = ['prompt', 'model'].find((name) => name === plain(written));
    const name = known ?? factorName(written);
    const twin = byName.get(name.toLowerCase());
    if (twin)
      throw new DesignFileError(
        `${file} has two columns "${name}": ${letters(twin.at)} and ${letters(at)}. Rename or remove one.`,
      );
    if (/[“”„«»]/.test(written))
      throw new DesignFileError(
        `${file}: "${written.slice(0, SHOWN)}" is in curly quotes. Replace all of them by straight ones: "prompt".`,
      );
    if (name === '')
      throw new DesignFileError(
        `${file}: the name of column ${letters(at)}, "${written}", has no letter and no digit. Rename it.`,
      );
    if (!known && name !== written)
      renamed.push(
        `Column "${written.slice(0, SHOWN)}" is called "${name}": names have letters, digits, _ and -, at most 40.`,
      );
    const column = { at, name };
    byName.set(name.toLowerCase(), column);
    columns.push(column);
  });
  return columns;
}

/** Characters of a name, and names, that a message repeats. */
const SHOWN = 40;

/** Column 0 is A, column 27 is AB. */
const letters = (at: number): string =>
  (at >= 26 ? letters(Math.floor(at / 26) - 1) : '') + String.fromCharCode(65 + (at % 26));

/** Lines in which a header is looked for. */
const HEADER_LINES = 10;

/** @throws {DesignFileError} for a title above the names of columns */
function refuseTitle(text: string, file: string): void {
  const lines = text.split(/\r\n|\r|\n/, HEADER_LINES);
  const first = lines.findIndex((line) => line.trim() !== '');
  const header = lines.findIndex(isHeader);
  if (header > first && plain(lines[first]!) !== 'prompt' && !/^"?sep=/i.test(lines[first]!))
    throw new DesignFileError(
      `${file} has its names of columns in row ${header + 1}. Remove what is above: "${lines[first]!.trim().slice(0, 40)}".`,
    );
}

/** `prompt`, something that could divide columns, and another name. */
const UNDIVIDED = /^\W?prompt\W?\s*([^\p{L}\p{M}\p{N}\s"'()[\]_.#/-]|\s{2})\s*\S/iu;

function noPrompt(columns: Column[], header: string[], file: string): DesignFileError {
  if (header.length === 1 && UNDIVIDED.test(header[0]!))
    return new DesignFileError(
      `${file}: row 1, "${header[0]!.slice(0, SHOWN)}", is one column. Divide columns by commas, semicolons, tabs or |.`,
    );
  const almost = columns.map(({ name }) => name).find(almostPrompt);
  if (almost !== undefined)
    return new DesignFileError(
      `${file} has no column "prompt", but "${almost}" looks like it. Rename it to "prompt".`,
    );
  const names = columns.slice(0, SHOWN).map(({ name }) => `"${name}"`);
  if (columns.length > names.length) names.push('…');
  return new DesignFileError(
    `${file} has no column "prompt". Its first row is taken for the names of columns: ${names.join(', ')}. Name the column of prompts "prompt"; or save a list without names as .txt; or pass --template "… {${columns[0]?.name}} …" to use the columns as factors.`,
  );
}

/** Each column is a factor of a template, with its distinct values. */
function toFactors(columns: Column[], body: Cells): FileDesign {
  const valuesOf = ({ at }: Column) => [
    ...new Set(body.map((row) => (row[at] ?? '').trim()).filter((value) => value !== '')),
  ];
  const model = columns.find(({ name }) => name === 'model');
  const factors = columns
    .filter((column) => column !== model)
    .map((column) => [column.name, valuesOf(column)]);
  return { factors: Object.fromEntries(factors), ...(model ? { models: valuesOf(model) } : {}) };
}
