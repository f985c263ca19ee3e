import { readFile } from 'node:fs/promises';
import { ACCOUNT, packageStack } from '../support/packaged.ts';

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
  });
});
