import { type CsvError, type Options, parse } from 'csv-parse/sync';
import { DesignFileError } from './error.ts';
import { DELIMITERS, plain } from './names.ts';

/** Rows as a spreadsheet counts them: the first is row 1, and a line break within quotes begins no row. */
export type Cells = string[][];

/**
 * Takes a table apart. Its delimiter is found.
 * @throws {DesignFileError} for quotes that cannot be read
 */
export function readCells(text: string, file: string): { cells: Cells; notes: string[] } {
  // A line for Excel alone, which shows it as no row.
  const table = text.replace(/^"?sep=.?"?(\r\n|\r|\n)/i, '');
  const options = optionsFor(delimiterOf(table));
  try {
    return { cells: parse(table, options), notes: [] };
  } catch (error) {
    try {
      const cells = parse(table, { ...options, trim: true });
      return { cells, notes: ['Spaces between quotes and delimiters were ignored.'] };
    } catch {
      throw quoteError(error as CsvError, file, options);
    }
  }
}

const optionsFor = (delimiter: string) =>
  ({
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    // Spreadsheets copy cells with tabs, and then quote only those that hold line breaks.
    relax_quotes: delimiter === '\t',
  }) satisfies Options;

/** The delimiter that finds a column `prompt` in the header, or else the most columns. */
function delimiterOf(text: string): string {
  const headers = DELIMITERS.map((delimiter) => {
    try {
      const options = { ...optionsFor(delimiter), relax_quotes: true, skip_empty_lines: true, to: 1 };
      return { delimiter, header: parse(text, options)[0] ?? [] };
    } catch {
      return { delimiter, header: [] };
    }
  });
  const score = ({ header }: { header: string[] }) =>
    header.length + (header.map(plain).includes('prompt') ? 1_000 : 0);
  return headers.reduce((best, one) => (score(one) > score(best) ? one : best)).delimiter;
}

function quoteError(error: CsvError, file: string, { delimiter }: { delimiter: string }): DesignFileError {
  const row = `row ${(error.records as number) + 1}`;
  const instead = `Put the whole cell in quotes, and write "" for a quote inside it: "a 5"" doll"${delimiter}…`;
  if (error.code === 'CSV_QUOTE_NOT_CLOSED')
    return new DesignFileError(`${file}, ${row}: a quote opens that never closes. ${instead}`);
  if (error.code === 'CSV_INVALID_CLOSING_QUOTE')
    return new DesignFileError(`${file}, ${row}: text follows a closing quote in the same cell. ${instead}`);
  if (error.code === 'INVALID_OPENING_QUOTE')
    return new DesignFileError(
      `${file}, ${row}: a quote stands inside a cell that does not begin with one. ${instead}`,
    );
  return new DesignFileError(`${file}, ${row}: this is no table that can be read. ${error.message}`);
}
