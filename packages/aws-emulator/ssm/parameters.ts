import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { AwsError } from '../aws-error.ts';
import type { AwsOperation, AwsService } from '../aws-json.ts';

interface Parameter {
  value: string;
  type: string;
  version: number;
  /** Seconds since 1970 */
  modifiedAt: number;
}

export interface ParameterStore {
  get(name: string): string | undefined;
  put(name: string, value: string, type?: string): number;
  service: AwsService;
}

/** SSM parameters in one small file, which is replaced as a whole by every write. */
export function openParameterStore(file: string, region: string, accountId: string): ParameterStore {
  const parameters = new Map<string, Parameter>();
  try {
    const stored = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Parameter>;
    for (const [name, parameter] of Object.entries(stored)) parameters.set(name, parameter);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }

  function put(name: string, value: string, type = 'SecureString'): number {
    const version = (parameters.get(name)?.version ?? 0) + 1;
    parameters.set(name, { value, type, version, modifiedAt: Date.now() / 1000 });
    writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(parameters), null, 2), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return version;
  }

  const arnOf = (name: string) => `arn:aws:ssm:${region}:${accountId}:parameter/${name.replace(/^\//, '')}`;

  function describe(name: string) {
    const parameter = parameters.get(name);
    if (parameter === undefined) return undefined;
    return {
      Name: name,
      ARN: arnOf(name),
      Type: parameter.type,
      Value: parameter.value,
      Version: parameter.version,
      LastModifiedDate: parameter.modifiedAt,
      DataType: 'text',
    };
  }

  const operations: Record<string, AwsOperation> = {
    GetParameter(input, call) {
      const name = String(input.Name);
      call.demand('ssm:GetParameter', arnOf(name));
      const found = describe(name);
      if (found === undefined) throw new AwsError('ParameterNotFound', `There is no parameter ${name}.`);
      return { Parameter: found };
    },
    GetParameters(input, call) {
      const names = (input.Names ?? []) as string[];
      for (const name of names) call.demand('ssm:GetParameters', arnOf(name));
      return {
        Parameters: names.map(describe).filter((found) => found !== undefined),
        InvalidParameters: names.filter((name) => !parameters.has(name)),
      };
    },
    PutParameter(input, call) {
      const name = String(input.Name);
      call.demand('ssm:PutParameter', arnOf(name));
      if (parameters.has(name) && input.Overwrite !== true) {
        throw new AwsError(
          'ParameterAlreadyExists',
          `The parameter ${name} exists; send Overwrite to replace it.`,
        );
      }
      const type = typeof input.Type === 'string' ? input.Type : undefined;
      return { Version: put(name, String(input.Value), type), Tier: 'Standard' };
    },
  };
  return {
    get: (name) => parameters.get(name)?.value,
    put,
    service: { name: 'ssm', target: 'AmazonSSM', operations },
  };
}
