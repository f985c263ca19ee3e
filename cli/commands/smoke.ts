import { type Command, Option } from 'commander';
import { type Check, lineOf } from '../checks.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import {
  type AuditorFlags,
  auditor,
  backupOptions,
  type OperatorFlags,
  operator,
  operatorCommand,
} from '../options.ts';

interface SmokeFlags extends OperatorFlags, AuditorFlags {
  model?: string;
  keep?: boolean;
}

const CHEAP = 'black-forest-labs/flux-schnell';
const LOCAL = 'simulated/flash';

/** `smoke` */
export function addSmoke(program: Command, end: (status: ExitStatus) => void): void {
  backupOptions(
    operatorCommand(
      program
        .command('smoke')
        .summary('check a deployment with one cheap image')
        .description('Send one cheap image through a deployment and check every step. Costs one prediction.')
        .addOption(new Option('--url <address>', 'address of the API (env: WEAUDIT_URL)'))
        .addOption(new Option('--token <token>', 'API token; prefer the environment variable WEAUDIT_TOKEN'))
        .addOption(new Option('-m, --model <owner/name>', `model to use (default: ${CHEAP})`))
        .addOption(new Option('--keep', 'keep the audit afterwards')),
      'npx weaudit smoke --stage dev --url https://audits.example.org',
    ),
  ).action(async (flags: SmokeFlags) => {
    const { smoke } = await import('../operator/smoke.ts');
    const { client } = auditor(flags);
    const { cloud, output } = await operator(flags);
    const checks: Check[] = [];
    const audit = await smoke(client, cloud, flags.model ?? (cloud.local ? LOCAL : CHEAP), (check) => {
      checks.push(check);
      output.print(lineOf(check));
    });
    if (!flags.keep) {
      await client.delete(audit);
      output.say(`Audit ${audit} is being deleted. The backup keeps its copy until it expires.`);
    }
    const ok = checks.every((check) => check.ok !== false);
    output.document({ audit, ok, checks });
    if (!ok) end(EXIT.incomplete);
  });
}
