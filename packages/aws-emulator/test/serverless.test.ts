// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Serverless, in plain strings
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readServerless } from '../stack/serverless.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'serverless-'));
  const framework = createRequire(import.meta.url).resolve('serverless/package.json');
  await symlink(path.resolve(framework, '..', '..'), path.join(folder, 'node_modules'), 'junction');
});
afterAll(() => rm(folder, { recursive: true }));

/** Reads a service whose `custom.value` is the text. */
async function resolved(text: string): Promise<unknown> {
  const service = {
    service: 'demo',
    provider: { name: 'aws', stage: '${opt:stage}' },
    params: { default: { size: 1 }, local: { size: 2 } },
    custom: { value: text },
  };
  await writeFile(path.join(folder, 'serverless.yml'), JSON.stringify(service));
  const { custom } = (await readServerless(folder, 'local')) as { custom: { value: unknown } };
  return custom.value;
}

test.each([
  ['${sls:stage}', 'local'],
  ['${param:size}', 2],
  ['${self:service}-${self:provider.stage}', 'demo-local'],
  ['${strToBool("true")}', true],
  ['${param:nothing, "default"}', 'default'],
])('%s is %p', async (text, value) => {
  expect(await resolved(text)).toBe(value);
});

test('the environment of the developer is not read', async () => {
  expect(process.env.PATH).toBeTruthy();
  expect(await resolved('${env:PATH, "nothing"}')).toBe('nothing');
});

test.each([
  ['a variable without a value', '${self:custom.nowhere}', /custom\.value/],
  ['a source that only AWS has', '${ssm:/secret}', /custom\.value/],
  ['a broken variable', '${self:', /custom\.value/],
])('%s is refused with the name of its property', async (_, text, name) => {
  const reading = resolved(text);
  await expect(reading).rejects.toThrow('serverless.yml cannot be read for the stage "local"');
  await expect(reading).rejects.toThrow(name);
});

test('a file that is not YAML is refused with the place of the mistake', async () => {
  await writeFile(path.join(folder, 'serverless.yml'), 'service: demo\nprovider: [');
  await expect(readServerless(folder, 'local')).rejects.toThrow(/cannot be read.*serverless\.yml.*\(3:1\)/s);
});
