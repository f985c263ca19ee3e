import { CommanderError } from 'commander';
import { CommandError, EXIT } from './exit.ts';
import { explainAwsError } from './operator/faults.ts';
import { errorDocument } from './output.ts';
import { createProgram } from './program.ts';

function report(error: unknown): void {
  // Commander has said what was wrong; help and version are no errors.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return;
  }
  const known = error instanceof CommandError ? error : explainAwsError(error);
  const { message, status } =
    known ?? new CommandError(EXIT.fault, `This should not happen: ${(error as Error)?.message ?? error}`);
  process.exitCode = status;
  process.stderr.write(`${message}\n`);
  if (!known && process.env.WEAUDIT_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify(errorDocument(new CommandError(status, message)))}\n`);
}

// A reader that has seen enough (`weaudit list | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.fault),
);
process.on('SIGINT', () => {
  process.stderr.write('\nInterrupted. What was sent goes on; the same command comes back to it.\n');
  // Not at once: progress bars give the cursor back first.
  setImmediate(() => process.exit(EXIT.interrupted));
});

const program = createProgram((status) => {
  process.exitCode = status;
});
await program.parseAsync().catch(report);
