import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';

/** Reads a secret; `refresh` asks for it anew unless it was read within the last seconds. */
export type SecretReader = (options?: { refresh?: boolean }) => Promise<string>;

/** How long a secret is used before it is read again: a rotation takes effect within this time. */
const MAX_AGE_MS = 5 * 60_000;
/** A caller who was refused may ask for a fresh secret, but no more often than this. */
const MIN_AGE_MS = 10_000;

/**
 * A SecureString of the SSM Parameter Store, read at run time and kept for five minutes, so that it stands
 * neither in code nor in an environment value.
 * @param name of the parameter, such as `/weaudit/dev/webhook-secrets`
 */
export function secretReader(client: SSMClient, name: string): SecretReader {
  let kept: { value: Promise<string>; readAt: number } | undefined;
  const read = async () => {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
    if (!Parameter?.Value) throw new Error(`parameter ${name} is empty: set it with "weaudit setup".`);
    return Parameter.Value;
  };
  return ({ refresh = false } = {}) => {
    const age = kept ? Date.now() - kept.readAt : Number.POSITIVE_INFINITY;
    if (!kept || age > (refresh ? MIN_AGE_MS : MAX_AGE_MS)) {
      const value = read();
      const reading = { value, readAt: Date.now() };
      kept = reading;
      // A failed read is not kept: the next caller tries again.
      value.catch(() => {
        if (kept === reading) kept = undefined;
      });
    }
    return kept.value;
  };
}
