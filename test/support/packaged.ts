import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { prepare } from '@weaudit/aws-emulator/prepared';
import { createResolver, type Resolver, type Template } from '@weaudit/aws-emulator/stack';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '..', '..');
const CACHE = path.join(ROOT, '.build', 'templates');
/** What a template is made of, apart from the code in the archives. */
const SOURCES = ['serverless.yml', 'package-lock.json', 'infra/**/*', 'build/**/*'];
const TEMPLATE = 'template.json';

/** Stands in for build/package.ts. */
const NO_ARCHIVES = `
import { writeFileSync } from 'node:fs';
export async function packageFunctions(folder, names) {
  const file = folder + '.zip';
  writeFileSync(file, '');
  return Object.fromEntries(names.map((name) => [name, file]));
}
`;

export interface PackagedResource {
  Type: string;
  Condition?: string;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
  DependsOn?: string | string[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into properties freely
  Properties?: any;
}

export interface Packaged {
  /** Where the template lies, for tools that want a file. */
  file: string;
  template: Template & { Resources: Record<string, PackagedResource> };
  /** As the template, with every condition and reference resolved for one account, and without what it leaves out. */
  resources: Record<string, PackagedResource>;
  resolver: Resolver;
}

export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';

/** Every option that changes the template, set. */
export const EVERYTHING = [
  'orgId=o-abcdefghij',
  `kmsKeyArn=arn:aws:kms:${REGION}:${ACCOUNT}:key/11111111-2222-3333-4444-555555555555`,
  `backupKmsKeyArn=arn:aws:kms:${REGION}:${ACCOUNT}:key/11111111-2222-3333-4444-666666666666`,
  'objectLockDays=30',
  'backupGlacierDays=1',
  `alarmTopicArn=arn:aws:sns:${REGION}:${ACCOUNT}:alarms`,
  'awsBudgetEmail=operators@example.org',
  'trail=true',
  'storageAnalysis=true',
  'requestMetrics=true',
  'tracing=true',
  'siteDomain=images.example.org',
  `siteCertificateArn=arn:aws:acm:us-east-1:${ACCOUNT}:certificate/11111111-2222-3333-4444-777777777777`,
  'reservedConcurrency=5',
];

/**
 * The CloudFormation template that `serverless package` makes for a stage, without any AWS credentials. It is kept
 * until one of its sources changes.
 */
export async function packageStack(stage: string, parameters: string[] = []): Promise<Packaged> {
  const options = createHash('sha256').update(JSON.stringify(parameters)).digest('hex').slice(0, 8);
  const folder = await prepare(ROOT, path.join(CACHE, `${stage}-${options}`), SOURCES, (draft) =>
    makeTemplate(path.join(draft, TEMPLATE), stage, parameters),
  );
  const file = path.join(folder, TEMPLATE);
  const template = JSON.parse(await readFile(file, 'utf8')) as Packaged['template'];
  const resolver = createResolver({
    template,
    region: REGION,
    accountId: ACCOUNT,
    stackName: `weaudit-${stage}`,
  });
  const resources = Object.entries(template.Resources)
    .filter(([, { Condition }]) => resolver.holds(Condition))
    .map(([id, resource]) => [id, { ...resource, Properties: resolver.resolve(resource.Properties ?? {}) }]);
  return { file, template, resources: Object.fromEntries(resources), resolver };
}

/** Before the tests, so that two files that want the same template at once do not both make it. */
export default async function packageAll(): Promise<void> {
  await Promise.all([packageStack('dev'), packageStack('local'), packageStack('prod', EVERYTHING)]);
}

async function makeTemplate(file: string, stage: string, parameters: string[]): Promise<void> {
  // A folder of its own, so that several templates can be made at once.
  const folder = await mkdtemp(path.join(tmpdir(), 'packaged-'));
  try {
    // Serverless does not follow a link to its configuration.
    for (const name of ['serverless.yml', 'infra'])
      await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    for (const name of ['package.json', 'node_modules'])
      await symlink(path.join(ROOT, name), path.join(folder, name));
    // The template is the same whatever is in the archives, and bundling takes longer than all the rest.
    for (const name of ['serverless-plugin.cjs', 'default-stage.cjs', 'dispatchers.cjs'])
      await cp(path.join(ROOT, 'build', name), path.join(folder, 'build', name));
    await writeFile(path.join(folder, 'build', 'package.ts'), NO_ARCHIVES);
    const cli = createRequire(path.join(ROOT, 'package.json')).resolve('serverless/bin/serverless.js');
    const options = parameters.flatMap((parameter) => ['--param', parameter]);
    await run(process.execPath, [cli, 'package', '--stage', stage, ...options], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, SLS_NOTIFICATIONS_MODE: 'off' },
    });
    await cp(path.join(folder, '.serverless', 'cloudformation-template-update-stack.json'), file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The resources of a type, by logical id. */
export const ofType = (resources: Packaged['resources'], type: string): [string, PackagedResource][] =>
  Object.entries(resources).filter(([, resource]) => resource.Type === type);
