/**
 * Exit statuses, for scripts. They are part of what the command line promises: docs/command-line.md lists them.
 */
export const EXIT = {
  /** All went well. */
  ok: 0,
  /** A fault that nobody foresaw. */
  fault: 1,
  /** The command line, the configuration or the design is not right; nothing was done. */
  usage: 2,
  /** The server refused: token, rights, unknown audit, a design it does not take. */
  refused: 3,
  /** Nobody answered, or not in time. The same command can be given again. */
  unavailable: 4,
  /** It was done, and not everything is well: failed predictions, damaged or missing images, failed checks. */
  incomplete: 5,
  /** Ctrl-C (128 + SIGINT, as shells have it). */
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with a sentence for people and a status for scripts. */
export class CommandError extends Error {
  override name = 'CommandError';
  readonly status: ExitStatus;
  constructor(status: ExitStatus, message: string) {
    super(message);
    this.status = status;
  }
}
