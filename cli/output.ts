import Table from 'cli-table3';
import type { CommandError } from './exit.ts';

/** Where a command writes: its result to standard output, messages to standard error. */
export interface Output {
  /** Whether `--json` was passed: then standard output gets one JSON document and nothing else. */
  json: boolean;
  /** Prints the result as text; does nothing with `--json`. */
  print(text: string): void;
  /** Prints the result as JSON; does nothing without `--json`. */
  document(value: unknown): void;
  /** Prints a message about progress; does nothing with `--json`. */
  say(text: string): void;
  /** Prints a warning or an error, always. */
  complain(text: string): void;
}

const PLAIN = {
  chars: {
    ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
    ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
    ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
};

/** Aligned columns without lines, readable for people, `grep` and `awk`. */
export function table(head: string[], rows: (string | number)[][]): string {
  const drawn = new Table({ ...PLAIN, head });
  for (const row of rows) drawn.push(row.map(String));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

// Prompts and reasons come from outside: control characters are replaced, so that they cannot control the terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it matches control characters on purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A text from outside as one line of at most `length` characters, without control characters. */
export function oneLine(text: string, length = 80): string {
  const characters = Array.from(text.replace(/\s+/gu, ' ').replace(CONTROL, '\u{fffd}').trim());
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}

export { count } from '../lib/contract/counts-in-words.ts';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];
/** `1.2 MB`, in powers of 1,000. */
export function size(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    print: (text) => {
      if (!json) process.stdout.write(`${text}\n`);
    },
    document: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    say: (text) => {
      if (!json) process.stderr.write(`${text}\n`);
    },
    complain: (text) => {
      process.stderr.write(`${text}\n`);
    },
  };
}

/** What `--json` prints when a command fails. The exit status tells a failure from a result. */
export const errorDocument = ({ message, status }: CommandError) => ({ error: { message, status } });
