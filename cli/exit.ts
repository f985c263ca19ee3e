import { mkdir } from 'node:fs/promises';
import { getSystemErrorMessage } from 'node:util';

/**
 * Exit statuses, which scripts rely on. docs/command-line.md lists them.
 */
export const EXIT = {
  /** Success. A model's refusal is a finding, not a failure. */
  ok: 0,
  /** Internal error: a fault in the program. */
  fault: 1,
  /** Wrong command line, configuration or design file. Nothing was changed. */
  usage: 2,
  /** The server refused: unknown token, missing scope, unknown audit, invalid design. */
  refused: 3,
  /** The server did not answer, or not in time. Run the same command again. */
  unavailable: 4,
  /** Finished with problems: failed predictions, damaged or missing images, failed checks. */
  incomplete: 5,
  /** Ctrl-C (128 + SIGINT, the convention of shells). */
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with a message for people and a status for scripts. */
export class CommandError extends Error {
  override name = 'CommandError';
  readonly status: ExitStatus;
  constructor(status: ExitStatus, message: string) {
    super(message);
    this.status = status;
  }
}

/** Creates a folder where there is none. @throws {CommandError} */
export async function createFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new CommandError(EXIT.usage, `The folder ${folder} cannot be created: ${fileFault(error)}.`);
  });
}

/** Why a file cannot be read or written, in the words of the system: `no such file or directory`. */
export function fileFault(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return (errno !== undefined && getSystemErrorMessage(errno)) || message;
}
