/** A CloudFormation template as far as references need it. */
export interface Template {
  Parameters?: Record<string, { Default?: unknown }>;
  Conditions?: Record<string, unknown>;
  Mappings?: Record<string, Record<string, Record<string, unknown>>>;
  Resources?: Record<string, Resource>;
}

export interface Resource {
  Type: string;
  Condition?: string;
  Properties?: Record<string, unknown>;
}

export interface Scope {
  template: Template;
  region: string;
  accountId: string;
  stackName: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `AWS::NoValue`: the property or list element that holds it is left out. */
const NO_VALUE = Symbol('AWS::NoValue');

/** Name property of the resource types whose Ref or ARN the stack uses. */
const NAME_PROPERTY: Record<string, string> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::Events::Rule': 'Name',
};

export interface Resolver {
  /** The value with every intrinsic function replaced by what it stands for. */
  resolve(value: unknown): unknown;
  /** Whether a condition of the template holds; true for undefined. */
  holds(condition: string | undefined): boolean;
  /** Name that the resource has, declared or else its logical ID. */
  nameOf(logicalId: string): string;
  arnOf(logicalId: string): string;
}

/**
 * Resolves Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Select, Fn::Split, Fn::If, Fn::FindInMap and conditions, with names
 * and ARNs that the resources would have in the account of the scope. Throws on what it does not know, naming it.
 */
export function createResolver(scope: Scope): Resolver {
  const { template } = scope;
  const pseudo: Record<string, unknown> = {
    'AWS::Region': scope.region,
    'AWS::AccountId': scope.accountId,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': scope.stackName,
    'AWS::StackId': `arn:aws:cloudformation:${scope.region}:${scope.accountId}:stack/${scope.stackName}/local`,
    'AWS::NoValue': NO_VALUE,
  };

  function resourceOf(logicalId: string): Resource {
    const resource = template.Resources?.[logicalId];
    if (resource === undefined) {
      throw new Error(
        `serverless.yml or infra/ refers to "${logicalId}", which is no parameter and no resource.`,
      );
    }
    return resource;
  }

  function nameOf(logicalId: string): string {
    const resource = resourceOf(logicalId);
    const property = NAME_PROPERTY[resource.Type];
    const declared = property === undefined ? undefined : resolve(resource.Properties?.[property]);
    return typeof declared === 'string' ? declared : logicalId;
  }

  function arnOf(logicalId: string): string {
    const { Type } = resourceOf(logicalId);
    const name = nameOf(logicalId);
    const at = `${scope.region}:${scope.accountId}`;
    switch (Type) {
      case 'AWS::S3::Bucket':
        return `arn:aws:s3:::${name}`;
      case 'AWS::SQS::Queue':
        return `arn:aws:sqs:${at}:${name}`;
      case 'AWS::IAM::Role':
        return `arn:aws:iam::${scope.accountId}:role/${name}`;
      case 'AWS::Lambda::Function':
        return `arn:aws:lambda:${at}:function:${name}`;
      case 'AWS::SNS::Topic':
        return `arn:aws:sns:${at}:${name}`;
      case 'AWS::Events::Rule':
        return `arn:aws:events:${at}:rule/${name}`;
      default: {
        const service = (Type.split('::')[1] ?? 'unknown').toLowerCase();
        return `arn:aws:${service}:${at}:${name}`;
      }
    }
  }

  function reference(id: string): unknown {
    if (id in pseudo) return pseudo[id];
    const parameter = template.Parameters?.[id];
    if (parameter !== undefined) return parameter.Default ?? '';
    const { Type } = resourceOf(id);
    if (Type === 'AWS::SQS::Queue') {
      return `https://sqs.${scope.region}.amazonaws.com/${scope.accountId}/${nameOf(id)}`;
    }
    return Type === 'AWS::SNS::Topic' ? arnOf(id) : nameOf(id);
  }

  function attribute(id: string, name: string): unknown {
    if (name === 'Arn') return arnOf(id);
    if (name === 'QueueName') return nameOf(id);
    resourceOf(id);
    // Domain names, distribution IDs and the like, whose values nothing here reads.
    return `${id}.${name}`;
  }

  function substitute(argument: unknown): string {
    const [text, own] = Array.isArray(argument) ? argument : [argument, {}];
    const local = isObject(own) ? own : {};
    return String(text).replace(/\$\{(!?)([^}]*)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (name in local) return String(resolve(local[name]));
      const dot = name.indexOf('.');
      return String(dot < 0 ? reference(name) : attribute(name.slice(0, dot), name.slice(dot + 1)));
    });
  }

  function holds(condition: string | undefined): boolean {
    if (condition === undefined) return true;
    const definition = template.Conditions?.[condition];
    if (definition === undefined) throw new Error(`The template has no condition named "${condition}".`);
    return test(definition);
  }

  function test(definition: unknown): boolean {
    if (isObject(definition)) {
      const [operator, argument] = Object.entries(definition)[0] ?? [];
      const list = Array.isArray(argument) ? argument : [argument];
      switch (operator) {
        case 'Condition':
          return holds(String(argument));
        case 'Fn::Equals':
          return String(resolve(list[0])) === String(resolve(list[1]));
        case 'Fn::Not':
          return !test(list[0]);
        case 'Fn::And':
          return list.every(test);
        case 'Fn::Or':
          return list.some(test);
      }
    }
    throw new Error(
      `The template has a condition that the local cloud cannot read: ${JSON.stringify(definition)}`,
    );
  }

  function call(name: string, argument: unknown): unknown {
    const list = Array.isArray(argument) ? argument : [];
    switch (name) {
      case 'Ref':
        return reference(String(argument));
      case 'Fn::GetAtt': {
        const [id, ...rest] = Array.isArray(argument) ? argument.map(String) : String(argument).split('.');
        return attribute(id ?? '', rest.join('.'));
      }
      case 'Fn::Sub':
        return substitute(argument);
      case 'Fn::Join':
        return (resolve(list[1]) as unknown[]).join(String(list[0]));
      case 'Fn::Select':
        return (resolve(list[1]) as unknown[])[Number(resolve(list[0]))];
      case 'Fn::Split':
        return String(resolve(list[1])).split(String(list[0]));
      case 'Fn::If':
        return resolve(holds(String(list[0])) ? list[1] : list[2]);
      case 'Fn::FindInMap':
        return template.Mappings?.[String(list[0])]?.[String(resolve(list[1]))]?.[String(resolve(list[2]))];
      default:
        throw new Error(`serverless.yml or infra/ uses ${name}, which the local cloud cannot resolve.`);
    }
  }

  function resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve).filter((item) => item !== NO_VALUE);
    if (!isObject(value)) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined && (first[0] === 'Ref' || first[0].startsWith('Fn::'))) {
      return call(first[0], first[1]);
    }
    const resolved = entries.map(([key, item]) => [key, resolve(item)] as const);
    return Object.fromEntries(resolved.filter(([, item]) => item !== NO_VALUE));
  }

  return { resolve, holds, nameOf, arnOf };
}
