import { SecretRefused } from '../secrets.ts';
import { CallFailed, jsonCaller, type Signing } from './json-call.ts';

const SSM = { name: 'ssm', version: '1.1', target: 'AmazonSSM' } as const;

/**
 * Reads a SecureString of the SSM Parameter Store.
 * @param client which signs the call
 * @param endpoint of AWS, where it is not the usual one
 * @param name of the parameter, such as `/weaudit/dev/webhook-secrets`
 * @throws {SecretRefused} if there is no such parameter for this role; any other error may pass
 */
export function parameterReader(client: Signing, endpoint: string | undefined, name: string) {
  const call = jsonCaller(client, SSM, (region) => endpoint ?? `https://ssm.${region}.amazonaws.com`);
  return async (): Promise<string> => {
    const answer = (await call('GetParameter', { Name: name, WithDecryption: true }).catch((error) => {
      if (!(error instanceof CallFailed)) throw error;
      throw new (error.isPassing ? Error : SecretRefused)(
        `parameter ${name} could not be read: ${error.message}${HINTS[error.type] ?? ''}`,
        { cause: error },
      );
    })) as { Parameter?: { Value?: string } };
    const value = answer.Parameter?.Value;
    if (!value) throw new SecretRefused(`parameter ${name} is empty${HINTS.ParameterNotFound}`);
    return value;
  };
}

const HINTS: Record<string, string> = {
  ParameterNotFound: ': "npx weaudit setup" fills it',
  AccessDeniedException: ': the role may not read it, or may not use the key it is encrypted with',
};
