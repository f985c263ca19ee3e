import { Command } from 'commander';
import { addBudget } from './commands/budget.ts';
import { addCancel } from './commands/cancel.ts';
import { addDelete } from './commands/delete.ts';
import { addDownload } from './commands/download.ts';
import { addEvidence } from './commands/evidence.ts';
import { addImport } from './commands/import.ts';
import { addLabels } from './commands/labels.ts';
import { addList } from './commands/list.ts';
import { addPurge } from './commands/purge.ts';
import { addRedrive } from './commands/redrive.ts';
import { addRejudge } from './commands/rejudge.ts';
import { addReport } from './commands/report.ts';
import { addReread } from './commands/reread.ts';
import { addRestore } from './commands/restore.ts';
import { addRound } from './commands/round.ts';
import { addRun } from './commands/run.ts';
import { addSecrets } from './commands/secrets.ts';
import { addSetup } from './commands/setup.ts';
import { addSmoke } from './commands/smoke.ts';
import { addStatus } from './commands/status.ts';
import { addVerify } from './commands/verify.ts';
import type { ExitStatus } from './exit.ts';

const FOOTER = `
Configuration, first match wins:
  1. flags
  2. environment: WEAUDIT_URL, WEAUDIT_TOKEN, WEAUDIT_STAGE, AWS_REGION
  3. file: --config, else WEAUDIT_CONFIG, else ~/.config/weaudit.json
  4. the local cloud of "npm start"

Exit status:
  0 success               3 refused by the server      130 interrupted (Ctrl-C)
  1 internal error        4 unreachable, try again
  2 wrong usage           5 finished with problems

Example:
  npx weaudit run events/audits/occupations.json`;

/**
 * The whole command line.
 * @param end called with the exit status when a command finishes with another status than 0
 */
export function createProgram(end: (status: ExitStatus) => void): Command {
  const program = new Command('weaudit')
    .description('Send the same prompts to many image models and keep every answer.')
    .helpCommand('help [command]', 'show help for a command')
    .showHelpAfterError('(add --help for usage)')
    .exitOverride()
    // An option behind a subcommand belongs to it, also where the command before it has the same one.
    .enablePositionalOptions()
    .addHelpText('after', FOOTER);

  program.commandsGroup('For auditors:');
  addRun(program, end);
  addImport(program, end);
  addList(program);
  addStatus(program, end);
  addDownload(program, end);
  addReport(program, end);
  addLabels(program, end);
  addCancel(program);
  addDelete(program);
  addRound(program);
  program.commandsGroup('For operators:');
  addSetup(program);
  addSecrets(program, end);
  addSmoke(program, end);
  addBudget(program);
  addVerify(program, end);
  addEvidence(program);
  addRestore(program, end);
  addRejudge(program, end);
  addReread(program, end);
  addRedrive(program, end);
  addPurge(program, end);
  return program;
}
