import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiClient } from './api-client.ts';
import { type ApiFlags, apiSettings, type CloudFlags, cloudSettings } from './configuration.ts';
import type { Cloud } from './operator/cloud.ts';
import { createOutput, type Output } from './output.ts';

interface Common {
  json?: boolean;
}

const config = () => new Option('--config <file>', 'configuration file (environment: WEAUDIT_CONFIG)');
const json = () => new Option('--json', 'print one JSON document, and nothing else, on standard output');

/** Options of every command that talks to the API, and an example below its help. */
export function auditorCommand(command: Command, example: string): Command {
  return command
    .addOption(new Option('--url <address>', 'address of the API (environment: WEAUDIT_URL)'))
    .addOption(new Option('--token <token>', 'API token; better in the environment: WEAUDIT_TOKEN'))
    .addOption(config())
    .addOption(json())
    .addHelpText('after', `\nExample:\n  ${example}`);
}

/** Options of every command that works on AWS itself, or on the local cloud, and an example below its help. */
export function operatorCommand(command: Command, example: string): Command {
  return command
    .addOption(new Option('--stage <name>', 'the deployment (environment: WEAUDIT_STAGE)'))
    .addOption(new Option('--local', 'the local cloud that "npm start" runs').conflicts('stage'))
    .addOption(new Option('--region <region>', 'AWS region (environment: AWS_REGION)'))
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
  // AWS's SDK takes longer to load than most commands of auditors take at all.
  const { openCloud } = await import('./operator/cloud.ts');
  return {
    cloud: await openCloud(cloudSettings(flags, process.env), flags),
    output: createOutput(flags.json ?? false),
  };
}

/** For options that name where the backup is, if the deployment's parameters put it elsewhere. */
export const backupOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--backup-bucket <name>', 'the backup bucket, where another was given to the deployment'),
    )
    .addOption(new Option('--backup-region <region>', 'its region, where that is another'));

/** A whole number from `least` to `most`. */
export const wholeNumber =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };

/** For an option that may be given several times. */
export const repeated = (value: string, before: string[] = []): string[] => [...before, value];
