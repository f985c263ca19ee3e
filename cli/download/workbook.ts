import { createReadStream } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { parse } from 'csv-parse';
import { unzipSync, zipSync } from 'fflate';
import writeExcelFile, { type Row } from 'write-excel-file/node';

/** Rows that fit into memory: 50,000 take half a gigabyte. Excel itself takes a million. */
const MOST_ROWS = 50_000;
/** Characters that Excel takes in a cell. */
const MOST_CHARACTERS = 32_767;

/** Columns of the manifest that are numbers. Everything else is text, also where it looks like a number or a date. */
const NUMBERS = new Set(
  [
    'n',
    'sample',
    'seed',
    'asked',
    'returned',
    'filtered',
    'lost',
    'quarantined',
    'blank',
    'predictTime',
  ].concat(...[['index', 'bytes', 'width', 'height']]),
);

/**
 * Writes a manifest as a workbook. Spreadsheets show each text in it as it is: none becomes a formula, a date or a rounded
 * number, and no setting of the reader's language matters. Equal manifests make equal bytes.
 * @param csv the manifest that is read
 * @returns whether it was written: a manifest of more than 50,000 rows is too large
 */
export async function writeWorkbook(csv: string, workbook: string): Promise<boolean> {
  const rows: Row[] = [];
  let columns: string[] = [];
  for await (const record of createReadStream(csv).pipe(parse({ bom: true }))) {
    const fields = record as string[];
    if (rows.length === 0) columns = fields;
    if (rows.length > MOST_ROWS) {
      await rm(workbook, { force: true });
      return false;
    }
    const isHead = rows.length === 0;
    rows.push(fields.map((field, i) => (isHead ? text(field) : cellOf(field, columns[i] ?? ''))));
  }
  const archive = await writeExcelFile(rows, { sheet: 'manifest', stickyRowsCount: 1 }).toBuffer();
  await writeFile(`${workbook}.part`, withoutTime(archive));
  await rename(`${workbook}.part`, workbook);
  return true;
}

/** A number of more than 15 digits would be rounded, so it is text. */
const cellOf = (field: string, column: string) =>
  NUMBERS.has(column) && /^\d{1,15}(\.\d+)?$/.test(field) ? Number(field) : text(field);

const text = (field: string) => {
  if (field === '') return null;
  const encoded = encode(field);
  return encoded.length <= MOST_CHARACTERS
    ? encoded
    : `${encoded.slice(0, MOST_CHARACTERS - 40)}… (whole in manifest.json)`;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_XML = /[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/g;
/** What XML cannot hold, or changes, as Excel writes it: `_x000D_`. What looks like that in the text gets `_x005F_` before it. */
const encode = (field: string) =>
  field
    .replace(/_(?=x[0-9A-Fa-f]{4}_)/g, '_x005F_')
    .replace(
      NOT_IN_XML,
      (character) => `_x${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`,
    );

/** The archive holds the time when it was made, and two downloads of one audit are to be the same. */
const withoutTime = (archive: Buffer): Uint8Array =>
  zipSync(unzipSync(new Uint8Array(archive)), { mtime: new Date(1980, 0, 1) });
