import type { EventPattern } from '../events/pattern.ts';
import type { PolicyDocument } from '../iam/policy.ts';
import { bucketRetention } from '../s3/lock.ts';
import { createResolver, type Resolver, type Resource, type Template } from './intrinsics.ts';
import type {
  BucketModel,
  FunctionModel,
  QueueModel,
  QueueSourceModel,
  RoleModel,
  RouteModel,
  RuleModel,
  ScheduleModel,
  StackModel,
} from './model.ts';

type Fields = Record<string, unknown>;

/** The parts of the framework's configuration that are read here. */
interface Printed {
  service: string | { name: string };
  provider: {
    stage: string;
    region: string;
    memorySize?: number;
    timeout?: number;
    environment?: Fields;
  };
  functions: Record<string, Fields>;
  params?: Record<string, Fields>;
  resources?: Template | Template[];
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** AWS's defaults where the declaration is silent (SQS, Lambda and the framework's reference). */
const DEFAULTS = {
  visibilitySeconds: 30,
  memorySize: 1024,
  timeoutSeconds: 6,
  sqsBatch: 10,
  asyncRetries: 2,
};

type Extensions = Record<string, { Properties?: Fields }>;

const extensionsOf = (resources: Template | Template[] | undefined): Extensions =>
  Object.assign(
    {},
    ...[resources ?? []].flat().map((part) => (part as { extensions?: Extensions }).extensions),
  );

function mergeTemplates(resources: Template | Template[] | undefined): Template {
  const merged: Required<Template> = { Parameters: {}, Conditions: {}, Mappings: {}, Resources: {} };
  for (const part of Array.isArray(resources) ? resources : [resources ?? {}]) {
    Object.assign(merged.Parameters, part.Parameters);
    Object.assign(merged.Conditions, part.Conditions);
    Object.assign(merged.Mappings, part.Mappings);
    Object.assign(merged.Resources, part.Resources);
  }
  return merged;
}

/** Logical ID that the framework gives a function: `tag` → `TagLambdaFunction`. */
function functionLogicalId(key: string): string {
  const normal = key.charAt(0).toUpperCase() + key.slice(1);
  return `${normal.replaceAll('-', 'Dash').replaceAll('_', 'Underscore')}LambdaFunction`;
}

/** `rate(5 minutes)` in seconds; undefined for cron expressions, which nothing here runs. */
export function rateSeconds(expression: string): number | undefined {
  const match = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (match === null) return undefined;
  const unit = { minute: 60, hour: 3600, day: 86_400 }[match[2] as 'minute' | 'hour' | 'day'];
  return Number(match[1]) * unit;
}

const queueNameOf = (arn: unknown): string => String(arn).split(':').at(-1) ?? '';

function parseRoute(declared: unknown): { method: string; path: string } {
  const text = isObject(declared) ? undefined : String(declared);
  if (text === '*') return { method: '*', path: '*' };
  const [method, path] = isObject(declared)
    ? [String(declared.method ?? '*'), String(declared.path ?? '*')]
    : (text ?? '').split(/\s+/, 2);
  return { method: (method ?? '*').toUpperCase(), path: path ?? '*' };
}

/**
 * Reduces a configuration of the framework to the model that the emulator runs.
 * @throws Error naming the declaration that the emulator cannot run
 */
export function readStack(printed: unknown, accountId: string): StackModel {
  const { service: declaredService, provider, functions: declared, resources, params } = printed as Printed;
  const service = typeof declaredService === 'string' ? declaredService : declaredService.name;
  const { stage, region } = provider;
  const template = mergeTemplates(resources);
  const functionNames = new Map<string, string>();
  for (const [key, item] of Object.entries(declared)) {
    const name = typeof item.name === 'string' ? item.name : `${service}-${stage}-${key}`;
    functionNames.set(key, name);
    // The framework adds these resources when it packages; policies and rules may refer to them.
    template.Resources ??= {};
    template.Resources[functionLogicalId(key)] = {
      Type: 'AWS::Lambda::Function',
      Properties: { FunctionName: name },
    };
  }
  template.Resources ??= {};
  template.Resources.HttpApi ??= { Type: 'AWS::ApiGatewayV2::Api' };
  const resolver = createResolver({ template, region, accountId, stackName: `${service}-${stage}` });
  const existing = Object.entries(template.Resources).filter(([, resource]) =>
    resolver.holds(resource.Condition),
  );
  const ofType = (type: string) => existing.filter(([, resource]) => resource.Type === type);

  const queues = ofType('AWS::SQS::Queue').map(([id, resource]) => readQueue(id, resource, resolver));
  const roles = readRoles(existing, resolver);
  const functions = Object.entries(declared).map(([key, item]) =>
    readFunction(key, item, {
      provider,
      resolver,
      roles,
      name: functionNames.get(key) ?? key,
      extensions: extensionsOf(resources),
    }),
  );

  const routes: RouteModel[] = [];
  const queueSources: QueueSourceModel[] = [];
  const rules: RuleModel[] = [];
  const schedules: ScheduleModel[] = [];
  for (const [key, item] of Object.entries(declared)) {
    const events = (Array.isArray(item.events) ? item.events : []) as Fields[];
    events.forEach((event, index) => {
      const [kind, raw] = Object.entries(event)[0] ?? ['', undefined];
      const value = resolver.resolve(raw);
      const fields = isObject(value) ? value : {};
      if (fields.enabled === false) return;
      const name =
        typeof fields.name === 'string' ? fields.name : `${functionNames.get(key)}-rule-${index + 1}`;
      if (kind === 'httpApi') {
        routes.push({ ...parseRoute(value), functionKey: key });
      } else if (kind === 'sqs') {
        queueSources.push({
          functionKey: key,
          queue: queueNameOf(fields.arn ?? value),
          batchSize: Number(fields.batchSize ?? DEFAULTS.sqsBatch),
          maximumConcurrency:
            fields.maximumConcurrency === undefined ? undefined : Number(fields.maximumConcurrency),
          reportBatchItemFailures: fields.functionResponseType === 'ReportBatchItemFailures',
        });
      } else if (kind === 'eventBridge' && fields.pattern !== undefined) {
        rules.push({ name, functionKey: key, pattern: fields.pattern as EventPattern });
      } else if (kind === 'schedule' || kind === 'eventBridge') {
        const declaredRate = kind === 'schedule' ? (fields.rate ?? value) : fields.schedule;
        for (const expression of [declaredRate].flat()) {
          const everySeconds = rateSeconds(String(expression));
          if (everySeconds === undefined) {
            throw new Error(
              `The schedule "${String(expression)}" of ${key} is not a rate(…), which is all the local cloud runs.`,
            );
          }
          schedules.push({ name, functionKey: key, everySeconds, input: fields.input });
        }
      } else {
        throw new Error(
          `The function ${key} has an event of the kind "${kind}", which the local cloud cannot deliver.`,
        );
      }
    });
  }
  for (const [id, resource] of ofType('AWS::Events::Rule')) {
    readRuleResource(id, resource, resolver, functions, rules, schedules);
  }

  const buckets = ofType('AWS::S3::Bucket').map(([id, resource]) => {
    const policies = ofType('AWS::S3::BucketPolicy')
      .filter(([, policy]) => resolver.resolve(policy.Properties?.Bucket) === resolver.nameOf(id))
      .map(([, policy]) => resolver.resolve(policy.Properties?.PolicyDocument) as PolicyDocument);
    return readBucket(id, resource, resolver, policies);
  });
  // With any condition: there is no distribution on this machine, but the page is served with its headers.
  const siteHeaders = Object.assign(
    {},
    ...Object.values(template.Resources)
      .filter((resource) => resource.Type === 'AWS::CloudFront::ResponseHeadersPolicy')
      .map((resource) => readHeaders(resource, resolver)),
  ) as Record<string, string>;
  return {
    service,
    stage,
    region,
    accountId,
    functions,
    routes,
    queues,
    queueSources,
    rules,
    schedules,
    buckets,
    siteHeaders,
    defaultParameters: params?.default ?? {},
  };
}

/** Response headers of the site; without Strict-Transport-Security, which means nothing over plain HTTP. */
function readHeaders(resource: Resource, resolver: Resolver): Record<string, string> {
  const config = (resolver.resolve(resource.Properties?.ResponseHeadersPolicyConfig) ?? {}) as Fields;
  const security = (config.SecurityHeadersConfig ?? {}) as Record<
    string,
    Record<string, unknown> | undefined
  >;
  const custom = (config.CustomHeadersConfig as { Items?: { Header: string; Value: string }[] } | undefined)
    ?.Items;
  const named: [string, unknown][] = [
    ['content-security-policy', security.ContentSecurityPolicy?.ContentSecurityPolicy],
    ['x-frame-options', security.FrameOptions?.FrameOption],
    ['referrer-policy', security.ReferrerPolicy?.ReferrerPolicy],
    ['x-content-type-options', security.ContentTypeOptions === undefined ? undefined : 'nosniff'],
    ...(custom ?? []).map(({ Header, Value }): [string, unknown] => [Header.toLowerCase(), Value]),
  ];
  return Object.fromEntries(
    named.filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]),
  );
}

function readQueue(id: string, resource: Resource, resolver: Resolver): QueueModel {
  const properties = resolver.resolve(resource.Properties ?? {}) as Fields;
  const policy = properties.RedrivePolicy as
    | { deadLetterTargetArn?: string; maxReceiveCount?: number }
    | undefined;
  return {
    name: resolver.nameOf(id),
    arn: resolver.arnOf(id),
    visibilitySeconds: Number(properties.VisibilityTimeout ?? DEFAULTS.visibilitySeconds),
    delaySeconds: Number(properties.DelaySeconds ?? 0),
    ...(policy === undefined
      ? {}
      : {
          redrive: {
            deadLetterQueue: queueNameOf(policy.deadLetterTargetArn),
            maxReceiveCount: Number(policy.maxReceiveCount),
          },
        }),
  };
}

/** Inline policies of each role, and the stand-alone policies that name it. */
function readRoles(existing: [string, Resource][], resolver: Resolver): Map<string, RoleModel> {
  const roles = new Map<string, RoleModel>();
  for (const [id, resource] of existing) {
    if (resource.Type !== 'AWS::IAM::Role') continue;
    const inline =
      (resolver.resolve(resource.Properties?.Policies ?? []) as { PolicyDocument: PolicyDocument }[]) ?? [];
    const arn = resolver.arnOf(id);
    roles.set(arn, { arn, policies: inline.map((policy) => policy.PolicyDocument) });
  }
  for (const [, resource] of existing) {
    if (resource.Type !== 'AWS::IAM::Policy' && resource.Type !== 'AWS::IAM::ManagedPolicy') continue;
    const document = resolver.resolve(resource.Properties?.PolicyDocument) as PolicyDocument;
    for (const name of (resolver.resolve(resource.Properties?.Roles ?? []) as string[]) ?? []) {
      for (const role of roles.values()) if (role.arn.endsWith(`:role/${name}`)) role.policies.push(document);
    }
  }
  return roles;
}

interface FunctionScope {
  provider: Printed['provider'];
  resolver: Resolver;
  roles: Map<string, RoleModel>;
  name: string;
  /** What the project adds to resources that the framework makes, by logical id. */
  extensions: Extensions;
}

function readFunction(key: string, item: Fields, scope: FunctionScope): FunctionModel {
  const { provider, resolver, roles, name } = scope;
  const declaredRole = item.role;
  if (declaredRole === undefined) throw new Error(`The function ${key} declares no role of its own.`);
  const isLogicalId = typeof declaredRole === 'string' && !declaredRole.startsWith('arn:');
  const arn = isLogicalId ? resolver.arnOf(declaredRole) : String(resolver.resolve(declaredRole));
  const role = roles.get(arn);
  if (role === undefined)
    throw new Error(`The function ${key} names the role ${arn}, which the stack does not declare.`);

  const environment = resolver.resolve({
    ...provider.environment,
    ...(item.environment as Fields),
  }) as Fields;
  const destination = (resolver.resolve(item.destinations ?? {}) as Fields).onFailure;
  const deadLetter = item.onError === undefined ? undefined : resolver.resolve(item.onError);
  const destinationArn = isObject(destination) ? destination.arn : destination;
  return {
    key,
    name,
    arn: resolver.arnOf(functionLogicalId(key)),
    handler: String(item.handler),
    memorySize: Number(item.memorySize ?? provider.memorySize ?? DEFAULTS.memorySize),
    timeoutSeconds: Number(item.timeout ?? provider.timeout ?? DEFAULTS.timeoutSeconds),
    environment: Object.fromEntries(
      Object.entries(environment).map(([variable, value]) => [variable, String(value)]),
    ),
    role,
    ...(destinationArn !== undefined
      ? { onFailure: { queue: queueNameOf(destinationArn), kind: 'destination' as const } }
      : deadLetter !== undefined
        ? { onFailure: { queue: queueNameOf(deadLetter), kind: 'deadLetter' as const } }
        : {}),
    asyncRetries: Number(item.maximumRetryAttempts ?? DEFAULTS.asyncRetries),
    recursiveLoop:
      scope.extensions[functionLogicalId(key)]?.Properties?.RecursiveLoop === 'Allow' ? 'Allow' : 'Terminate',
  };
}

function readBucket(
  id: string,
  resource: Resource,
  resolver: Resolver,
  policies: PolicyDocument[],
): BucketModel {
  const properties = resolver.resolve(resource.Properties ?? {}) as Fields;
  const versioning = properties.VersioningConfiguration as { Status?: string } | undefined;
  const notifications = properties.NotificationConfiguration as Fields | undefined;
  const cors = properties.CorsConfiguration as { CorsRules?: { AllowedOrigins?: string[] }[] } | undefined;
  const eventBridge = notifications?.EventBridgeConfiguration as
    | { EventBridgeEnabled?: boolean | string }
    | undefined;
  return {
    name: resolver.nameOf(id),
    arn: resolver.arnOf(id),
    versioning: versioning?.Status === 'Enabled',
    eventBridge: eventBridge !== undefined && String(eventBridge.EventBridgeEnabled ?? true) === 'true',
    ...lockOf(properties),
    corsOrigins: (cors?.CorsRules ?? []).flatMap((rule) => rule.AllowedOrigins ?? []),
    policies,
  };
}

/** Object Lock, as CloudFormation declares it: the switch, and what the bucket gives to every object. */
function lockOf({ ObjectLockEnabled, ObjectLockConfiguration }: Fields): Pick<BucketModel, 'objectLock'> {
  if (String(ObjectLockEnabled) !== 'true') return {};
  const rule = (ObjectLockConfiguration as { Rule?: { DefaultRetention?: Record<string, unknown> } })?.Rule;
  const { Mode, Days, Years } = rule?.DefaultRetention ?? {};
  const text = (value: unknown) => (value === undefined ? undefined : String(value));
  return {
    objectLock:
      Mode === undefined ? {} : { retention: bucketRetention(String(Mode), text(Days), text(Years)) },
  };
}

function readRuleResource(
  id: string,
  resource: Resource,
  resolver: Resolver,
  functions: FunctionModel[],
  rules: RuleModel[],
  schedules: ScheduleModel[],
): void {
  const properties = resolver.resolve(resource.Properties ?? {}) as Fields;
  if (properties.State === 'DISABLED') return;
  const targets = (properties.Targets ?? []) as Fields[];
  for (const target of targets) {
    const functionKey = functions.find((item) => item.arn === target.Arn)?.key;
    // Rules may have other targets than functions, such as topics; nothing here receives for those.
    if (functionKey === undefined) continue;
    const shared = {
      name: resolver.nameOf(id),
      functionKey,
    };
    if (properties.EventPattern !== undefined) {
      rules.push({ ...shared, pattern: properties.EventPattern as EventPattern });
    } else {
      const everySeconds = rateSeconds(String(properties.ScheduleExpression));
      if (everySeconds === undefined) {
        throw new Error(
          `The schedule of the rule ${id} is not a rate(…), which is all the local cloud runs.`,
        );
      }
      const input = typeof target.Input === 'string' ? (JSON.parse(target.Input) as unknown) : undefined;
      schedules.push({ ...shared, everySeconds, input });
    }
  }
}
