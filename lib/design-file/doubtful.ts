import { DesignFileError, importAdvice } from './error.ts';
import { marksIn } from './marks.ts';
import type { PlacedRow } from './rows.ts';

/** What spreadsheets and people leave among prompts and nobody wants to pay for. A JSON file takes any text. */
const DOUBTFUL: [RegExp, string][] = [
  [/^prompts?:?$/i, 'is the name of a column'],
  [/^#(N\/A|NV|[\p{Lu}\d/]+[!?])$/u, 'is an error of a spreadsheet'],
  [/^=[A-Z]+[(\d]/i, 'is a formula'],
  [/^:?[-=_+]{2,}:?$/, 'is a line, and no text'],
  [/^\{\s*".*\}$|^\[\s*["{].*\]$/s, 'is JSON, which a file has whose name ends in .json'],
  [/\{[^{}]*\}/, 'has a placeholder, which models get as it is. Use a template'],
];

/** Characters of a text that a message repeats. */
const SHOWN = 40;
const shown = (text: string) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/**
 * Refuses rows of a table or a list whose text was not meant as a prompt.
 * @throws {DesignFileError} naming the first
 */
export function refuseDoubtful(rows: readonly PlacedRow[], file: string): void {
  for (const { place, text: written } of rows) {
    const text = written.trim();
    if (text === '') continue;
    const what = DOUBTFUL.find(([looks]) => looks.test(text))?.[1];
    if (what) throw doubtful(`${file}, ${place}: "${shown(text)}" ${what}. Correct or remove it.`, text);
  }
}

/**
 * Refuses a list with marks that people read and models get.
 * @throws {DesignFileError}
 */
export function refuseMarks(rows: readonly PlacedRow[], file: string): void {
  const lines = rows
    .map(({ place, text }) => ({ place, text: text.trim() }))
    .filter(({ text }) => text !== '');
  const found = marksIn(lines.map(({ text }) => text));
  if (!found) return;
  const { kind, at, text, mark } = found;
  const begins = `${file}, ${lines[at]!.place}: "${shown(text)}" begins with "${mark}", and models would get that, too. Remove it.`;
  const said = {
    bullet: begins,
    comment: begins,
    numbers: `${file} numbers its lines ("${shown(text)}"), and models would get the numbers, too. Remove them.`,
    quotes: `${file} has every line in quotes (${shown(text)}), and models would get them, too. Remove them.`,
  };
  throw doubtful(said[kind], text);
}

const PICTURE = /\.(png|jpe?g|jfif|webp|gif|avif|svg)$/i;

/**
 * Refuses a table whose pictures are there already: its prompts would be paid.
 * @throws {DesignFileError}
 */
export function refuseImport(rows: readonly PlacedRow[], file: string): void {
  const names = rows.flatMap(({ factors }) => factors.filter(([name]) => name.toLowerCase() === 'file'));
  if (names.length > 0 && names.every(([, value]) => PICTURE.test(value.trim())))
    throw new DesignFileError(
      `${file} names pictures in its column "${names[0]![0]}". ${importAdvice(file)}. If it is meant as a factor, rename the column.`,
    );
}

const doubtful = (message: string, text: string) =>
  new DesignFileError(
    `${message} If it is meant as it is, write the prompts as JSON: [${JSON.stringify(shown(text))}].`,
  );
