import { type Command, Option } from 'commander';
import { type Check, lineOf } from '../checks.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import {
  type AuditorFlags,
  apiOptions,
  auditor,
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
  operatorCommand(program, {
    name: 'smoke',
    summary: 'check a deployment with one cheap image',
    description: 'Send one cheap image through a deployment and check every step. Costs one prediction.',
    options: [
      ...apiOptions(),
      new Option('-m, --model <owner/name>', `model to use (default: ${CHEAP})`),
      new Option('--keep', 'keep the audit afterwards'),
    ],
    backup: true,
    example: 'npx weaudit smoke --stage dev --url https://audits.example.org',
  }).action(async (flags: SmokeFlags) => {
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
