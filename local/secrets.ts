import { createHash, randomBytes } from 'node:crypto';
import type { ParameterStore } from '@weaudit/aws-emulator';
import type { StackModel } from '@weaudit/aws-emulator/stack';

/** Bearer tokens of the local API, which only this machine can reach. */
export const LOCAL_TOKENS = { audit: 'local', read: 'local-read' } as const;

export interface LocalSecrets {
  replicateToken: string;
  /** The newest `whsec_…` */
  webhookSecret: string;
}

/** Sets the secret that webhooks are verified with, for those of the real Replicate. */
export function setWebhookSecret(stack: StackModel, parameters: ParameterStore, secret: string): void {
  parameters.put(parameterName(stack, 'WEBHOOK_SECRETS_PARAMETER'), secret);
}

/** Name of the parameter that functions read through this environment variable. */
function parameterName(stack: StackModel, variable: string): string {
  for (const { environment } of stack.functions) {
    const name = environment[variable];
    if (name !== undefined) return name;
  }
  // No function reads it: any name will do.
  return `/${stack.service}/${stack.stage}/${variable
    .toLowerCase()
    .replace(/_parameter$/, '')
    .replaceAll('_', '-')}`;
}

/** Creates the missing ones of the parameters that `weaudit setup` creates for a deployed stage. */
export function seedSecrets(stack: StackModel, parameters: ParameterStore): LocalSecrets {
  function ensure(variable: string, create: () => string): string {
    const name = parameterName(stack, variable);
    const existing = parameters.get(name);
    if (existing !== undefined) return existing;
    const value = create();
    parameters.put(name, value);
    return value;
  }
  const replicateToken = ensure(
    'REPLICATE_TOKEN_PARAMETER',
    () => `r8_local_${randomBytes(18).toString('hex')}`,
  );
  const secrets = ensure('WEBHOOK_SECRETS_PARAMETER', () => `whsec_${randomBytes(24).toString('base64')}`);
  ensure('API_TOKENS_PARAMETER', () => {
    const tokens = Object.entries(LOCAL_TOKENS).map(([scope, token]) => ({
      name: token,
      sha256: createHash('sha256').update(token).digest('hex'),
      scope,
    }));
    return JSON.stringify(tokens);
  });
  const webhookSecret = secrets.split(/[\s,]+/).find((secret) => secret !== '') ?? '';
  return { replicateToken, webhookSecret };
}
