import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { backupOptions, type OperatorFlags, operator, operatorCommand, stageFlag } from '../options.ts';
import { createProgress } from '../progress.ts';

/** `verify <audit>` */
export function addVerify(program: Command, end: (status: ExitStatus) => void): void {
  backupOptions(
    operatorCommand(
      program
        .command('verify')
        .summary('read every image and compare its SHA-256')
        .description(
          'Read every image of an audit from the images bucket and from the backup, and compare its SHA-256 with the manifest; then compare judgements and renditions with the images. Purged and expired images are listed, but are not damage, and neither are judgements of an older decoder.',
        )
        .argument('<audit>', 'id of the audit'),
      'npx weaudit verify 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
    ),
  ).action(async (audit: string, flags: OperatorFlags) => {
    const { readManifest } = await import('../operator/manifest.ts');
    const { verifyAudit } = await import('../operator/verify.ts');
    const { adviceOn, describeFindings, isAllOk, isRestorable, summary } = await import(
      '../operator/findings.ts'
    );
    const { cloud, output } = await operator(flags);
    const manifest = await readManifest(cloud, audit);
    const progress = createProgress(output);
    const findings = await verifyAudit(cloud, manifest, progress).finally(() => progress.stop());
    const ok = isAllOk(findings);
    output.document({
      audit,
      ok,
      ...summary(findings),
      images: findings.images,
      records: findings.records,
      renditions: findings.renditions,
      faults: findings.faults,
      older: findings.older,
    });
    output.print(describeFindings(findings));
    const stage = stageFlag(flags, cloud);
    for (const advice of adviceOn(findings, audit, stage)) output.print(`\n${advice}`);
    if (isRestorable(findings))
      output.print(`\nTo restore what is missing or damaged: npx weaudit restore ${audit} ${stage}`);
    if (!ok) end(EXIT.incomplete);
  });
}
