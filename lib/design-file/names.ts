import { FACTOR_NAME } from '../limits.ts';

/** A name as it is compared with `prompt` and `model`. */
export const plain = (name: string): string => name.trim().toLowerCase();

export const DELIMITERS = [',', ';', '\t', '|'] as const;

/** Whether a line names the columns of a table: one of several is `prompt`. */
export const isHeader = (line: string): boolean =>
  DELIMITERS.some((delimiter) => {
    const cells = line.split(delimiter).map((cell) => plain(cell.replace(/^\s*"(.*)"\s*$/, '$1')));
    return cells.length > 1 && cells.includes('prompt');
  });

const ALMOST_PROMPT = /prompt|^(texts?|questions?|query|captions?|sentences?|description|input|instruction)$/;

/** Whether people call a column of prompts so. */
export const almostPrompt = (name: string): boolean => ALMOST_PROMPT.test(plain(name));

const WHOLE_NAME = new RegExp(`^${FACTOR_NAME}$`, 'u');
/** Characters of a factor's name. */
const LONGEST = 40;

/** A name that a factor can have: what is not a letter, a digit, _ or - becomes _. Empty if nothing is left. */
export function factorName(written: string): string {
  if (WHOLE_NAME.test(written)) return written;
  // Each run of _ is tried once: `_+$` alone takes a minute for a hundred thousand of them.
  const name = written.replace(/[^\p{L}\p{M}\p{N}_-]+/gu, '_').replace(/^_+|(?<!_)_+$/g, '');
  return Array.from(name).slice(0, LONGEST).join('');
}
