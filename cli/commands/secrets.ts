import type { Command } from 'commander';
import { type OperatorFlags, operator, operatorCommand } from '../options.ts';

/** `secrets` */
export function addSecrets(program: Command): void {
  operatorCommand(
    program
      .command('secrets')
      .summary('list the secrets that models can get as inputs')
      .description(
        'List the secrets that operators stored for inputs of models, with what each is for. No value is shown. To store, replace or remove one: npx weaudit setup --secret, --remove-secret.',
      ),
    'npx weaudit secrets --stage prod',
  ).action(async (flags: OperatorFlags) => {
    const { describeSecrets, listSecrets } = await import('../operator/stored-secrets.ts');
    const { cloud, output } = await operator(flags);
    const secrets = await listSecrets(cloud.images);
    output.document({ secrets });
    output.print(describeSecrets(secrets));
  });
}
