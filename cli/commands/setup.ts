import { type Command, InvalidArgumentError, Option } from 'commander';
import { cloudSettings } from '../configuration.ts';
import { ask } from '../confirm.ts';
import { CommandError, EXIT } from '../exit.ts';
import { fetchWebhookSecret, newApiToken, rotate, type StoredToken } from '../operator/secrets.ts';
import { type OperatorFlags, operatorCommand } from '../options.ts';
import { createOutput } from '../output.ts';

interface SetupFlags extends OperatorFlags {
  newToken?: string;
  scope: 'read' | 'audit';
  expires?: string;
  revokeToken?: string;
  replaceReplicateToken?: boolean;
  replicateUrl?: string;
}

const REPLICATE = 'https://api.replicate.com/v1';
const LOCAL_REPLICATE = 'http://127.0.0.1:3001/v1';

const date = (text: string): string => {
  const at = new Date(text);
  if (Number.isNaN(at.getTime()) || at.getTime() < Date.now())
    throw new InvalidArgumentError('It must be a date to come, such as 2030-12-31.');
  return at.toISOString();
};

/** `setup`: the three secrets of a deployment. Given again, it changes only what is asked for. */
export function addSetup(program: Command): void {
  operatorCommand(
    program
      .command('setup')
      .summary('create the secrets of a deployment')
      .description(
        'Creates the SSM parameters that the functions read: the Replicate token (asked for, or REPLICATE_API_TOKEN), the webhook secret that Replicate tells for it, and a first API token, which is shown once. Given again, it keeps what is there, puts a new webhook secret before the old one, and makes or revokes API tokens.',
      )
      .addOption(new Option('--new-token <name>', 'make another API token, for this person or program'))
      .addOption(
        new Option('--scope <scope>', 'what the new token may do')
          .choices(['read', 'audit'])
          .default('audit'),
      )
      .addOption(new Option('--expires <date>', 'when the new token ends').argParser(date))
      .addOption(new Option('--revoke-token <name>', 'remove an API token'))
      .addOption(new Option('--replace-replicate-token', 'ask for a new Replicate token'))
      .addOption(new Option('--replicate-url <address>', "Replicate's API, if not the usual one")),
    'npx weaudit setup --stage dev\n  npx weaudit setup --stage dev --new-token alice --scope read',
  ).action(setup);
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
  // Whoever has to be locked out must not wait for Replicate.
  const onlyRevokes = flags.revokeToken !== undefined && flags.newToken === undefined && kept !== undefined;
  const webhookSecrets = onlyRevokes
    ? secrets.webhookSecrets
    : // Asked before anything is written: a wrong token changes nothing.
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

  output.print(
    [
      `Replicate token: ${kept ? 'kept' : 'stored'}`,
      `webhook secret: ${isNewSecret ? `stored${webhookSecrets.length > 1 ? '; the one before is accepted too' : ''}` : 'kept'}`,
      `API tokens: ${tokens.stored.map(({ name, scope, expires }) => `${name} (${scope}${expires ? `, until ${expires.slice(0, 10)}` : ''})`).join(', ')}`,
      ...(tokens.created ? ['', 'The new API token, shown this once:', tokens.created] : []),
      '',
      'The functions see it within five minutes.',
    ].join('\n'),
  );
  output.document({
    stage: settings.stage,
    replicateToken: kept ? 'kept' : 'stored',
    webhookSecret: isNewSecret ? 'stored' : 'kept',
    apiTokens: tokens.stored.map(({ sha256: _sha256, ...token }) => token),
    ...(tokens.created ? { newToken: tokens.created } : {}),
  });
}

/** The list of tokens as it should be. A deployment without any gets its first. */
function editTokens(before: StoredToken[], { newToken, scope, expires, revokeToken }: SetupFlags) {
  if (revokeToken !== undefined && !before.some(({ name }) => name === revokeToken))
    throw new CommandError(
      EXIT.usage,
      `There is no API token "${revokeToken}". There is: ${before.map(({ name }) => name).join(', ') || 'none'}.`,
    );
  const stored = before.filter(({ name }) => name !== revokeToken);
  const name = newToken ?? (stored.length === 0 && revokeToken === undefined ? 'first' : undefined);
  if (name === undefined) return { stored, created: undefined, changed: revokeToken !== undefined };
  if (stored.some((token) => token.name === name))
    throw new CommandError(
      EXIT.usage,
      `There is an API token "${name}" already. Take another name, or revoke it first with --revoke-token ${name}.`,
    );
  const { token, stored: entry } = newApiToken(name, scope, expires);
  return { stored: [...stored, entry], created: token, changed: true };
}

async function askReplicateToken(): Promise<string> {
  const token =
    process.env.REPLICATE_API_TOKEN ||
    (process.stdin.isTTY ? await ask('Replicate API token (it is not shown): ', { hidden: true }) : '');
  if (token.trim() === '')
    throw new CommandError(
      EXIT.usage,
      'A Replicate token is needed: set REPLICATE_API_TOKEN, or run this on a terminal.',
    );
  return token.trim();
}
