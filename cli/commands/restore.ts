import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { backupOptions, type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { table } from '../output.ts';
import { createProgress } from '../progress.ts';

/** `restore <audit>`: bring back what verify finds missing or damaged. */
export function addRestore(program: Command, end: (status: ExitStatus) => void): void {
  backupOptions(
    operatorCommand(
      program
        .command('restore')
        .summary('bring missing or damaged objects back from the backup')
        .description(
          'Verifies an audit and brings back what is missing or damaged: into the bucket from the backup, from an older version where the newest is damaged too, and into the backup from the bucket. Nothing is overwritten: damaged bytes stay as an old version. What was purged stays purged.',
        )
        .argument('<audit>', 'id of the audit'),
      'npx weaudit restore 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
    ),
  ).action(async (audit: string, flags: OperatorFlags) => {
    const { readManifest } = await import('../operator/manifest.ts');
    const { restoreAudit } = await import('../operator/restore.ts');
    const { verifyAudit } = await import('../operator/verify.ts');
    const { describeFindings, isAllWell } = await import('../operator/findings.ts');
    const { cloud, output } = await operator(flags);
    const manifest = await readManifest(cloud, audit);
    const progress = createProgress(output);
    const { mended, after } = await (async () => {
      const before = await verifyAudit(cloud, manifest, progress);
      const mended = isAllWell(before) ? [] : await restoreAudit(cloud, before, progress);
      return { mended, after: mended.length > 0 ? await verifyAudit(cloud, manifest, progress) : before };
    })().finally(() => progress.stop());
    const well = isAllWell(after);
    output.document({ audit, well, mended, images: after.images.length });
    if (mended.length > 0)
      output.print(
        table(
          ['object', 'in the', 'outcome', 'detail'],
          mended.map(({ key, where, outcome, detail }) => [key, where, outcome, detail]),
        ),
      );
    output.print(mended.length === 0 && well ? 'There was nothing to restore.' : describeFindings(after));
    if (!well) end(EXIT.incomplete);
  });
}
