import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { ACCOUNT, EVERYTHING, packageStack } from '../support/packaged.ts';

const run = promisify(execFile);

const installed = await run('cfn-lint', ['--version']).then(
  () => true,
  () => false,
);
if (!installed)
  console.warn('cfn-lint is not installed (pip install cfn-lint): the templates were NOT checked by it.');

/** Errors only: its warnings are about dependencies that Serverless names twice, and conditions that are constant. */
async function errorsIn(file: string): Promise<string[]> {
  const { stdout } = await run('cfn-lint', ['--format', 'json', '--non-zero-exit-code', 'none', file], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = JSON.parse(stdout || '[]') as { Level: string; Rule: { Id: string }; Message: string }[];
  return found.filter(({ Level }) => Level === 'Error').map(({ Rule, Message }) => `${Rule.Id} ${Message}`);
}

(installed ? describe : describe.skip)('cfn-lint finds no error', () => {
  test.each([
    ['with default parameters', 'dev', []],
    ['with all options on', 'prod', EVERYTHING],
  ])(
    '%s',
    async (_, stage, parameters) => {
      const { file } = await packageStack(stage, parameters);
      expect(await errorsIn(file)).toEqual([]);
    },
    120_000,
  );

  test('in the template of the backup by itself', async () => {
    expect(await errorsIn('infra/backup.yml')).toEqual([]);
  }, 60_000);
});

describe('a backup bucket elsewhere', () => {
  test('has a template that CloudFormation itself can read: no aliases, no variables of Serverless', async () => {
    const text = await readFile('infra/backup.yml', 'utf8');
    expect(text.match(/[:-] [&*][a-z]+\b/g) ?? []).toEqual([]);
    expect(text.match(/\$\{(param|self|sls|opt|file)[:(]/g) ?? []).toEqual([]);
  });

  test('is written to instead of one that the stack would make', async () => {
    const { resources } = await packageStack('prod', [
      'backupBucket=weaudit-elsewhere-backup',
      'backupRegion=eu-west-1',
    ]);
    expect(resources).not.toHaveProperty('BackupBucket');
    expect(resources).not.toHaveProperty('BackupBucketPolicy');
    for (const name of ['Backup', 'Reconcile'])
      expect(resources[`${name}LambdaFunction`]!.Properties.Environment.Variables).toMatchObject({
        BACKUP_BUCKET: 'weaudit-elsewhere-backup',
        BACKUP_REGION: 'eu-west-1',
      });
    const text = JSON.stringify(resources.BackupRole!.Properties.Policies);
    expect(text).toContain('arn:aws:s3:::weaudit-elsewhere-backup/images/*');
    expect(text).not.toContain(`weaudit-prod-${ACCOUNT}-backup`);
  }, 120_000);
});
