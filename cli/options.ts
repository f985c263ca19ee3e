import { Argument, type Command, Option } from 'commander';
import { ApiClient } from './api-client.ts';
import { type ApiFlags, apiSettings, type CloudFlags, cloudSettings } from './configuration.ts';
import type { Cloud } from './operator/cloud.ts';
import { createOutput, type Output } from './output.ts';

interface Common {
  json?: boolean;
}

const config = () => new Option('--config <file>', 'configuration file (env: WEAUDIT_CONFIG)');
const json = () => new Option('--json', 'print exactly one JSON document to standard output');

/** The option that answers `confirm`. */
export const yes = () => new Option('-y, --yes', 'do not ask for confirmation');

/** What a command is, as its help says it. */
export interface About {
  name: string;
  summary: string;
  description: string;
  args?: (Argument | [name: string, description: string, read?: (text: string) => unknown])[];
  /** Those of this command alone. */
  options?: Option[];
  example: string;
}

function addCommand(to: Command, { name, summary, description, args = [], options = [], example }: About) {
  const command = to.command(name).summary(summary).description(description);
  for (const arg of args)
    if (arg instanceof Argument) command.addArgument(arg);
    else if (arg[2]) command.argument(arg[0], arg[1], arg[2]);
    else command.argument(arg[0], arg[1]);
  for (const option of options) command.addOption(option);
  return command.addHelpText('after', `\nExample:\n  ${example}`);
}

/** Where the API is, and who asks. */
export const apiOptions = () => [
  new Option('--url <address>', 'address of the API (env: WEAUDIT_URL)'),
  new Option('--token <token>', 'API token; prefer the environment variable WEAUDIT_TOKEN'),
];

/** Adds a command that calls the API. */
export function auditorCommand(to: Command, about: About): Command {
  const options = [...(about.options ?? []), ...apiOptions(), config(), json()];
  return addCommand(to, { ...about, options });
}

/**
 * Adds a command that calls AWS or the local cloud.
 * @param about.backup it reads the backup, which may be outside the stage's own stack
 */
export function operatorCommand(
  to: Command,
  { backup = false, ...about }: About & { backup?: boolean },
): Command {
  const options = [
    ...(about.options ?? []),
    new Option('--stage <name>', 'stage of the deployment (env: WEAUDIT_STAGE)'),
    new Option('--local', 'use the local cloud of "npm start"').conflicts('stage'),
    new Option('--region <region>', 'AWS region (env: AWS_REGION)'),
    config(),
    json(),
    ...(backup
      ? [
          new Option('--backup-bucket <name>', "backup bucket, if not the stage's own"),
          new Option('--backup-region <region>', 'region of the backup bucket, if another'),
        ]
      : []),
  ];
  return addCommand(to, { ...about, options });
}

export interface AuditorFlags extends ApiFlags, Common {}
export interface OperatorFlags extends CloudFlags, Common {
  backupBucket?: string;
  backupRegion?: string;
}

export const auditor = (flags: AuditorFlags): { client: ApiClient; output: Output } => ({
  client: new ApiClient(apiSettings(flags, process.env)),
  output: createOutput(flags.json ?? false),
});

export async function operator(flags: OperatorFlags): Promise<{ cloud: Cloud; output: Output }> {
  // Loading AWS's SDK takes longer than most commands of auditors run.
  const { openCloud } = await import('./operator/cloud.ts');
  return {
    cloud: await openCloud(cloudSettings(flags, process.env), flags),
    output: createOutput(flags.json ?? false),
  };
}

/** The flag that chooses the same deployment, for a command to run next. */
export const stageFlag = ({ local }: OperatorFlags, { stage }: Cloud): string =>
  local ? '--local' : `--stage ${stage}`;

/** Collects the values of a repeatable option. */
export const repeated = (value: string, before: string[] = []): string[] => [...before, value];
