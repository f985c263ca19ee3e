import { Command } from 'commander';
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
import type { ExitStatus } from './exit.ts';

const FOOTER = `
Configuration: flag, then environment (WEAUDIT_URL, WEAUDIT_TOKEN, WEAUDIT_STAGE, AWS_REGION), then file
(--config, WEAUDIT_CONFIG, ~/.config/weaudit.json), then "npm start" on this machine.
Exit status: 0 done, 1 fault, 2 wrong usage, 3 refused, 4 not reachable now, 5 done but not all well, 130 Ctrl-C.

Example:
  npx weaudit run events/audits/occupations.json`;

/**
 * The whole command line.
 * @param end told with which status to end where that is not 0
 */
export function createProgram(end: (status: ExitStatus) => void): Command {
  const program = new Command('weaudit')
    .description('Ask many image models the same things, and keep every answer.')
    .helpCommand('help [command]', 'help for a command')
    .showHelpAfterError('(weaudit help has more)')
    .exitOverride()
    .addHelpText('after', FOOTER);

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
  return program;
}
