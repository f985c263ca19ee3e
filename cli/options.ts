import { type Command, Option } from 'commander';
import { ApiClient } from './api-client.ts';
import { type ApiFlags, apiSettings, type CloudFlags, cloudSettings } from './configuration.ts';
import type { Cloud } from './operator/cloud.ts';
import { createOutput, type Output } from './output.ts';

interface Common {
  json?: boolean;
}

const config = () => new Option('--config <file>', 'configuration file (env: WEAUDIT_CONFIG)');
const json = () => new Option('--json', 'print exactly one JSON document to standard output');

/** Adds the options of commands that call the API, and an example below the help. */
export function auditorCommand(command: Command, example: string): Command {
  return command
    .addOption(new Option('--url <address>', 'address of the API (env: WEAUDIT_URL)'))
    .addOption(new Option('--token <token>', 'API token; prefer the environment variable WEAUDIT_TOKEN'))
    .addOption(config())
    .addOption(json())
    .addHelpText('after', `\nExample:\n  ${example}`);
}

/** Adds the options of commands that call AWS or the local cloud, and an example below the help. */
export function operatorCommand(command: Command, example: string): Command {
  return command
    .addOption(new Option('--stage <name>', 'stage of the deployment (env: WEAUDIT_STAGE)'))
    .addOption(new Option('--local', 'use the local cloud of "npm start"').conflicts('stage'))
    .addOption(new Option('--region <region>', 'AWS region (env: AWS_REGION)'))
    .addOption(config())
    .addOption(json())
    .addHelpText('after', `\nExample:\n  ${example}`);
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

/** Adds the options that locate a backup outside the stage's own stack. */
export const backupOptions = (command: Command): Command =>
  command
    .addOption(new Option('--backup-bucket <name>', "backup bucket, if not the stage's own"))
    .addOption(new Option('--backup-region <region>', 'region of the backup bucket, if another'));

/** Collects the values of a repeatable option. */
export const repeated = (value: string, before: string[] = []): string[] => [...before, value];
