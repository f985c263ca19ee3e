import {
  DeleteParameterCommand,
  GetParametersCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import type { StoredSecret } from '../../lib/records/secret.ts';
import type { CloudSettings } from '../configuration.ts';
import { clientSettings, parameterName } from './cloud.ts';
import type { StoredToken } from './secrets.ts';

/** The three secrets of a deployment, in the SSM Parameter Store. */
export interface Secrets {
  replicateToken: string | undefined;
  /** Newest first. */
  webhookSecrets: string[];
  apiTokens: StoredToken[];
}

const NAMES = ['replicate-token', 'webhook-secrets', 'api-tokens'] as const;
type Name = (typeof NAMES)[number] | `secrets/${string}`;

/** Reads and writes the secrets of a stage. These three are created before the first deployment. */
export function secretsOf(settings: CloudSettings) {
  const ssm = new SSMClient(clientSettings(settings));
  const full = (name: Name) => parameterName(settings.stage, name);
  const put = async (name: Name, value: string) => {
    await ssm.send(
      new PutParameterCommand({ Name: full(name), Value: value, Type: 'SecureString', Overwrite: true }),
    );
  };
  return {
    async read(): Promise<Secrets> {
      const { Parameters = [] } = await ssm.send(
        new GetParametersCommand({ Names: NAMES.map(full), WithDecryption: true }),
      );
      const value = (name: Name) => Parameters.find(({ Name }) => Name === full(name))?.Value;
      return {
        replicateToken: value('replicate-token'),
        webhookSecrets: (value('webhook-secrets') ?? '').split(/[\s,]+/).filter((secret) => secret !== ''),
        apiTokens: JSON.parse(value('api-tokens') ?? '[]') as StoredToken[],
      };
    },
    putReplicateToken: (token: string) => put('replicate-token', token),
    putWebhookSecrets: (secrets: string[]) => put('webhook-secrets', secrets.join('\n')),
    putApiTokens: (tokens: StoredToken[]) => put('api-tokens', JSON.stringify(tokens)),
    /** Stores what a model gets as an input. */
    putSecret: (name: string, stored: StoredSecret) => put(`secrets/${name}`, JSON.stringify(stored)),
    /** Removes what a model gets as an input, if it is there. */
    async removeSecret(name: string): Promise<void> {
      try {
        await ssm.send(new DeleteParameterCommand({ Name: full(`secrets/${name}`) }));
      } catch (error) {
        if ((error as Error).name !== 'ParameterNotFound') throw error;
      }
    },
  };
}
