/** An encoding in which bytes may have been meant. */
export interface Guess {
  /** Label of the Encoding Standard, such as `windows-1252`. */
  encoding: string;
  /** `Windows-1252`. */
  name: string;
  /** How the text around the first wrong byte reads in it. */
  reads: string;
}

/** A file is no design that can be run. The message names the file and the place, and says what to change. */
export class DesignFileError extends Error {
  override name = 'DesignFileError';
  /** Encodings with which to read the file again, most likely first. */
  readonly guesses: Guess[];
  constructor(message: string, guesses: Guess[] = []) {
    super(message);
    this.guesses = guesses;
  }
}

/** What to do with pictures that somebody has. @param table the file that names them */
export const importAdvice = (table: string): string =>
  `An audit of pictures that you have is made by: npx weaudit import <folder> --prompts ${table} --model "what made them"`;
