import { CommanderError } from 'commander';
import { CommandError, EXIT } from './exit.ts';
import { explainAwsError } from './operator/faults.ts';
import { errorDocument } from './output.ts';
import { createProgram } from './program.ts';

function report(error: unknown): void {
  // Commander has printed the error already; `--help` ends with status 0.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return;
  }
  const known = error instanceof CommandError ? error : explainAwsError(error);
  const { message, status } =
    known ??
    new CommandError(
      EXIT.fault,
      `Internal error: ${(error as Error)?.message ?? error}. Set WEAUDIT_DEBUG=1 to see the stack trace.`,
    );
  process.exitCode = status;
  process.stderr.write(`${message}\n`);
  if (!known && process.env.WEAUDIT_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify(errorDocument(new CommandError(status, message)))}\n`);
}

// A reader that closes the pipe early (`weaudit list | head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.fault),
);
process.on('SIGINT', () => {
  process.stderr.write('\nInterrupted. The audit keeps running; run the same command to resume.\n');
  // After a tick: progress bars show the cursor again first.
  setImmediate(() => process.exit(EXIT.interrupted));
});

const program = createProgram((status) => {
  process.exitCode = status;
});
await program.parseAsync().catch(report);
