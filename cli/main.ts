import { Command, CommanderError } from 'commander';
import { addCancel } from './commands/cancel.ts';
import { addDelete } from './commands/delete.ts';
import { addDownload } from './commands/download.ts';
import { addList } from './commands/list.ts';
import { addPurge } from './commands/purge.ts';
import { addRedrive } from './commands/redrive.ts';
import { addRestore } from './commands/restore.ts';
import { addRun } from './commands/run.ts';
import { addSetup } from './commands/setup.ts';
import { addSmoke } from './commands/smoke.ts';
import { addStatus } from './commands/status.ts';
import { addVerify } from './commands/verify.ts';
import { CommandError, EXIT, type ExitStatus } from './exit.ts';
import { explainAwsError } from './operator/faults.ts';
import { errorDocument } from './output.ts';

const program = new Command('weaudit')
  .description('Ask many image models the same things, and keep every answer.')
  .helpCommand('help [command]', 'help for a command')
  .showHelpAfterError('(weaudit help has more)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Configuration: flag, then environment (WEAUDIT_URL, WEAUDIT_TOKEN, WEAUDIT_STAGE, AWS_REGION), then file
(--config, WEAUDIT_CONFIG, ~/.config/weaudit.json), then "npm start" on this machine.
Exit status: 0 done, 1 fault, 2 wrong usage, 3 refused, 4 not reachable now, 5 done but not all well, 130 Ctrl-C.

Example:
  npx weaudit run events/audits/occupations.json`,
  );

// Commands inherit how errors are handled only when they are made after it was set.
const end = (status: ExitStatus) => {
  process.exitCode = status;
};
program.commandsGroup('For auditors:');
addRun(program, end);
addList(program);
addStatus(program, end);
addDownload(program, end);
addCancel(program);
addDelete(program);
program.commandsGroup('For operators:');
addSetup(program);
addSmoke(program, end);
addVerify(program, end);
addRestore(program, end);
addRedrive(program, end);
addPurge(program, end);

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

await program.parseAsync().catch(report);
