import { AwsError } from '../aws-error.ts';
import type { Access } from '../iam/access.ts';
import { createJsonService, type Operation } from '../json-api.ts';
import type { Service } from '../service.ts';
import type { ParameterStore } from './parameters.ts';

export interface SsmOptions {
  store: ParameterStore;
  access: Access;
  region: string;
  accountId: string;
}

/** The Parameter Store of Systems Manager. */
export function createSsm({ store, access, region, accountId }: SsmOptions): Service {
  const arnOf = (name: string) => `arn:aws:ssm:${region}:${accountId}:parameter/${name.replace(/^\//, '')}`;

  function describe(name: string) {
    const parameter = store.find(name);
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

  const operations: Record<string, Operation> = {
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
        InvalidParameters: names.filter((name) => store.find(name) === undefined),
      };
    },
    PutParameter(input, call) {
      const name = String(input.Name);
      call.demand('ssm:PutParameter', arnOf(name));
      if (store.find(name) !== undefined && input.Overwrite !== true) {
        throw new AwsError(
          'ParameterAlreadyExists',
          `The parameter ${name} exists; send Overwrite to replace it.`,
        );
      }
      const type = typeof input.Type === 'string' ? input.Type : undefined;
      return { Version: store.put(name, String(input.Value), type), Tier: 'Standard' };
    },
    DeleteParameter(input, call) {
      const name = String(input.Name);
      call.demand('ssm:DeleteParameter', arnOf(name));
      if (!store.remove(name)) throw new AwsError('ParameterNotFound', `There is no parameter ${name}.`);
      return {};
    },
  };
  return createJsonService({ name: 'ssm', target: 'AmazonSSM', operations, access });
}
