import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { matchesPattern } from '@weaudit/aws-emulator/events';
import { createResolver, readServerless, readStack, type StackModel } from '@weaudit/aws-emulator/stack';
import { ofType, type Packaged, packageStack } from '../support/packaged.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const ACCOUNT = '000000000000';

/** What the framework's own command shows. */
async function serverlessPrint(stage: string): Promise<unknown> {
  const cli = createRequire(path.join(ROOT, 'package.json')).resolve('serverless/bin/serverless.js');
  const home = await mkdtemp(path.join(tmpdir(), 'print-'));
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [cli, 'print', '--stage', stage, '--format', 'json'],
      { cwd: ROOT, env: { PATH: process.env.PATH, HOME: home, SLS_NOTIFICATIONS_MODE: 'off' } },
    );
    return JSON.parse(stdout.slice(stdout.indexOf('{')));
  } finally {
    await rm(home, { recursive: true });
  }
}

let stack: StackModel;
beforeAll(async () => {
  stack = readStack(await readServerless(ROOT, 'local'), ACCOUNT);
});

test('the local cloud runs the stack that `serverless print` resolves', async () => {
  expect(stack).toEqual(readStack(await serverlessPrint('local'), ACCOUNT));
});

describe('events of the images bucket start', () => {
  const started = (type: string, key: string) => {
    const bucket = { name: 'weaudit-local-000000000000-images' };
    const event = { source: 'aws.s3', 'detail-type': type, detail: { bucket, object: { key } } };
    const rules = stack.rules.filter(({ pattern }) => matchesPattern(pattern, event));
    return rules.map(({ functionKey }) => functionKey).sort();
  };
  test.each([
    ['tag and metrics for a result', 'Object Created', 'audits/a/results/00001.json', ['metrics', 'tag']],
    ['nothing for an image that is not judged', 'Object Created', 'images/a/00001/0', []],
    ['backup for an image that was judged', 'Object Tags Added', 'images/a/00001/0', ['backup']],
    ['backup for a plan', 'Object Created', 'audits/a/audit.json', ['backup']],
    ['nothing for a judgement', 'Object Created', 'audits/a/judged/00001/0.ok.png.1x1', []],
  ])('%s', (_, type, key, functions) => {
    expect(started(type, key)).toEqual(functions);
  });
});

describe('the local cloud runs what `serverless package` would deploy', () => {
  let resources: Packaged['resources'];
  beforeAll(async () => {
    const { template } = await packageStack('local');
    const resolver = createResolver({
      template,
      region: stack.region,
      accountId: ACCOUNT,
      stackName: 'weaudit-local',
    });
    resources = Object.fromEntries(
      Object.entries(template.Resources).map(([id, resource]) => [
        id,
        { ...resource, Properties: resolver.resolve(resource.Properties ?? {}) },
      ]),
    );
  });
  const propertiesOf = (type: string) => ofType(resources, type).map(([, { Properties }]) => Properties);
  const byName = <T extends { name: string }>(items: T[]) =>
    items.toSorted((a, b) => a.name.localeCompare(b.name));

  test('functions: names, sizes, time limits, roles and environments', () => {
    const packaged = propertiesOf('AWS::Lambda::Function').map((properties) => ({
      name: properties.FunctionName,
      memorySize: properties.MemorySize,
      timeoutSeconds: properties.Timeout,
      environment: Object.fromEntries(
        Object.entries(properties.Environment.Variables).map(([name, value]) => [name, String(value)]),
      ),
      role: properties.Role,
    }));
    const local = stack.functions.map(({ name, memorySize, timeoutSeconds, environment, role }) => ({
      name,
      memorySize,
      timeoutSeconds,
      environment,
      role: role.arn,
    }));
    expect(byName(local)).toEqual(byName(packaged));
  });

  test('routes of the API', () => {
    const packaged = propertiesOf('AWS::ApiGatewayV2::Route').map(({ RouteKey }) => RouteKey);
    expect(stack.routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(packaged.sort());
  });

  test('event patterns and schedules', () => {
    const rules = propertiesOf('AWS::Events::Rule');
    const text = (items: unknown[]) => items.map((item) => JSON.stringify(item)).sort();
    expect(text(stack.rules.map(({ pattern }) => pattern))).toEqual(
      text(rules.flatMap(({ EventPattern }) => EventPattern ?? [])),
    );
    expect(stack.schedules.map(({ everySeconds }) => `rate(${everySeconds / 60} minute)`)).toEqual(
      rules.flatMap(({ ScheduleExpression }) => ScheduleExpression ?? []),
    );
  });

  test('the queue that starts a function', () => {
    const packaged = propertiesOf('AWS::Lambda::EventSourceMapping').map((mapping) => ({
      queue: String(mapping.EventSourceArn).split(':').at(-1),
      batchSize: mapping.BatchSize,
      maximumConcurrency: mapping.ScalingConfig.MaximumConcurrency,
      reportBatchItemFailures: mapping.FunctionResponseTypes.includes('ReportBatchItemFailures'),
    }));
    expect(stack.queueSources.map(({ functionKey: _, ...source }) => source)).toEqual(packaged);
  });
});
