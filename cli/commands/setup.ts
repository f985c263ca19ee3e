import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { MODEL_NAME } from '../../lib/limits.ts';
import type { SecretUse } from '../../lib/records/secret.ts';
import { systemTime } from '../../lib/system.ts';
import { lineOf } from '../checks.ts';
import { cloudSettings } from '../configuration.ts';
import { ask } from '../confirm.ts';
import { CommandError, EXIT } from '../exit.ts';
import { fetchWebhookSecret, newApiToken, rotate, type StoredToken } from '../operator/secrets.ts';
import { type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { createOutput } from '../output.ts';

interface SetupFlags extends OperatorFlags {
  newToken?: string;
  scope: 'read' | 'audit';
  expires?: string;
  revokeToken?: string;
  replaceReplicateToken?: boolean;
  replicateUrl?: string;
  secret?: string;
  for?: SecretUse;
  removeSecret?: string;
}

const REPLICATE = 'https://api.replicate.com/v1';
const LOCAL_REPLICATE = 'http://127.0.0.1:3001/v1';

/** Options that do something else, which a run of the command does not mix. */
const OTHERS = ['newToken', 'revokeToken', 'replaceReplicateToken', 'replicateUrl'];

const use = (text: string): SecretUse => {
  const [, model = '', input = ''] = /^([^:]+):([A-Za-z0-9_]{1,64})$/.exec(text) ?? [];
  if (!MODEL_NAME.test(model) || input === 'prompt' || input === 'seed')
    throw new InvalidArgumentError(
      'Expected the name of a model and of its input, such as openai/gpt-image-1:openai_api_key.',
    );
  return { model, input };
};

const date = (text: string): string => {
  const at = new Date(text);
  if (Number.isNaN(at.getTime()) || at.getTime() < Date.now())
    throw new InvalidArgumentError('Expected a future date such as 2030-12-31.');
  return at.toISOString();
};

/** `setup`: creates the three secrets of a stage. A second run changes only what its options say. */
export function addSetup(program: Command): void {
  operatorCommand(program, {
    name: 'setup',
    summary: 'create the secrets of a stage',
    description:
      'Create the SSM parameters that the functions read: the Replicate token (from REPLICATE_API_TOKEN or a prompt), the webhook secret of its account, and a first API token, which is shown once. Run again, it keeps existing values, adds a changed webhook secret in front of the old one, and creates or revokes API tokens.',
    options: [
      new Option('--new-token <name>', 'create another API token for this person or program'),
      new Option('--scope <scope>', 'read: view audits; audit: also run, cancel and delete them')
        .choices(['read', 'audit'])
        .default('audit'),
      new Option('--expires <date>', 'date when the new token expires').argParser(date),
      new Option('--revoke-token <name>', 'revoke an API token'),
      new Option(
        '--replace-replicate-token',
        'replace the Replicate token (from REPLICATE_API_TOKEN or a prompt)',
      ),
      new Option(
        '--replicate-url <address>',
        "address of Replicate's API (default: https://api.replicate.com/v1)",
      ),
      new Option(
        '--secret <name>',
        'store or replace a secret that a model needs as an input, and nothing else; its value comes from WEAUDIT_SECRET, standard input, or a prompt',
      ).conflicts([...OTHERS, 'removeSecret']),
      new Option(
        '--for <model:input>',
        'with --secret: the model and the input that get it, and no others',
      ).argParser(use),
      new Option('--remove-secret <name>', 'remove a secret, and do nothing else').conflicts([
        ...OTHERS,
        'secret',
      ]),
    ],
    example:
      'npx weaudit setup --stage dev\n  npx weaudit setup --stage dev --new-token alice --scope read\n  npx weaudit setup --stage dev --secret openai --for openai/gpt-image-1:openai_api_key',
  }).action((flags: SetupFlags) => {
    if (flags.for && flags.secret === undefined)
      throw new CommandError(EXIT.usage, '--for belongs to --secret <name>. Nothing was changed.');
    return flags.secret === undefined && flags.removeSecret === undefined ? setup(flags) : setupSecret(flags);
  });
}

/** Stores, replaces or removes a secret that a model gets as an input. */
async function setupSecret(flags: SetupFlags): Promise<void> {
  const { secretsOf } = await import('../operator/parameters.ts');
  const { removeSecret, storeSecret } = await import('../operator/stored-secrets.ts');
  const { cloud, output } = await operator(flags);
  const deps = { images: cloud.images, parameters: secretsOf(cloud), time: systemTime };
  if (flags.removeSecret !== undefined) {
    await removeSecret(deps, flags.removeSecret);
    output.document({ secret: flags.removeSecret, outcome: 'removed' });
    return output.print(
      `Secret "${flags.removeSecret}" is removed. Audits that need it wait until it is stored again or they are canceled. What models may still repeat of it is redacted.`,
    );
  }
  const name = flags.secret!;
  const value = await askSecret();
  const { use, before } = await storeSecret(deps, name, { use: flags.for, value });
  const outcome = before && before.removedAt === undefined ? 'replaced' : 'stored';
  output.document({ secret: name, ...use, outcome });
  output.print(
    `Secret "${name}" is ${outcome}, for the input ${use.input} of ${use.model} alone. Designs name it as {"${use.input}": {"secret": "${name}"}}. It is used within five minutes.`,
  );
}

async function setup(flags: SetupFlags): Promise<void> {
  const output = createOutput(flags.json ?? false);
  const settings = cloudSettings(flags, process.env);
  const { secretsOf } = await import('../operator/parameters.ts');
  const store = secretsOf(settings);
  const secrets = await store.read();
  const tokens = editTokens(secrets.apiTokens, flags);
  const kept = flags.replaceReplicateToken ? undefined : secrets.replicateToken;
  const replicateToken = kept ?? (await askReplicateToken());
  // Revoking a token must not depend on Replicate.
  const onlyRevokes = flags.revokeToken !== undefined && flags.newToken === undefined && kept !== undefined;
  const webhookSecrets = onlyRevokes
    ? secrets.webhookSecrets
    : // Fetched before anything is written, so that a wrong token changes nothing.
      rotate(
        secrets.webhookSecrets,
        await fetchWebhookSecret(
          flags.replicateUrl ?? (settings.local ? LOCAL_REPLICATE : REPLICATE),
          replicateToken,
        ),
      );

  if (!kept) await store.putReplicateToken(replicateToken);
  const isNewSecret = webhookSecrets[0] !== secrets.webhookSecrets[0];
  if (isNewSecret) await store.putWebhookSecrets(webhookSecrets);
  if (tokens.changed) await store.putApiTokens(tokens.stored);

  const { checkDeployment } = await import('../operator/deployment.ts');
  const checks = onlyRevokes ? [] : await checkDeployment(settings);
  output.print(
    [
      `Replicate token: ${kept ? 'kept' : 'stored'}`,
      `Webhook secret:  ${isNewSecret ? `stored${webhookSecrets.length > 1 ? '; the previous one is still accepted' : ''}` : 'kept'}`,
      `API tokens:      ${tokens.stored.map(({ name, scope, expires }) => `${name} (${scope}${expires ? `, until ${expires.slice(0, 10)}` : ''})`).join(', ')}`,
      ...(tokens.created ? ['', 'New API token (it is not shown again):', tokens.created] : []),
      ...(checks.length > 0 ? ['', ...checks.map(lineOf)] : []),
      '',
      'The functions use these values within five minutes.',
    ].join('\n'),
  );
  output.document({
    stage: settings.stage,
    replicateToken: kept ? 'kept' : 'stored',
    webhookSecret: isNewSecret ? 'stored' : 'kept',
    apiTokens: tokens.stored.map(({ sha256: _sha256, ...token }) => token),
    ...(tokens.created ? { newToken: tokens.created } : {}),
    checks,
  });
}

/**
 * The new list of tokens. A stage without tokens gets its first.
 * @throws {CommandError} if the token to revoke does not exist, or the name of the new one is taken
 */
function editTokens(before: StoredToken[], { newToken, scope, expires, revokeToken }: SetupFlags) {
  if (revokeToken !== undefined && !before.some(({ name }) => name === revokeToken))
    throw new CommandError(
      EXIT.usage,
      `There is no API token "${revokeToken}". Existing tokens: ${before.map(({ name }) => name).join(', ') || 'none'}.`,
    );
  const stored = before.filter(({ name }) => name !== revokeToken);
  const name = newToken ?? (stored.length === 0 && revokeToken === undefined ? 'first' : undefined);
  if (name === undefined) return { stored, created: undefined, changed: revokeToken !== undefined };
  if (stored.some((token) => token.name === name))
    throw new CommandError(
      EXIT.usage,
      `An API token "${name}" already exists. Choose another name, or revoke it first with --revoke-token ${name}.`,
    );
  const { token, stored: entry } = newApiToken(name, scope, expires);
  return { stored: [...stored, entry], created: token, changed: true };
}

async function askReplicateToken(): Promise<string> {
  const token =
    process.env.REPLICATE_API_TOKEN ||
    (process.stdin.isTTY ? await ask('Replicate API token (input is hidden): ', { hidden: true }) : '');
  if (token.trim() === '')
    throw new CommandError(
      EXIT.usage,
      'No Replicate token given. Set REPLICATE_API_TOKEN, or run the command on a terminal and type it.',
    );
  return token.trim();
}

async function askSecret(): Promise<string> {
  const value =
    process.env.WEAUDIT_SECRET ||
    (process.stdin.isTTY
      ? await ask('Value of the secret (input is hidden): ', { hidden: true })
      : await text(process.stdin));
  if (value.trim() === '')
    throw new CommandError(
      EXIT.usage,
      'No value given. Set WEAUDIT_SECRET, pipe it to standard input, or run the command on a terminal and type it. Nothing was changed.',
    );
  return value.trim();
}
