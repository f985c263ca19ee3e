import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { backupOptions, type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { createProgress } from '../progress.ts';

/** `verify <audit>`: are all images there, twice, byte for byte? */
export function addVerify(program: Command, end: (status: ExitStatus) => void): void {
  backupOptions(
    operatorCommand(
      program
        .command('verify')
        .summary('read every image again and compare SHA-256')
        .description(
          'Reads every image of an audit from the bucket and from the backup and compares its SHA-256 with the manifest. What was purged or has expired is named as such and is no damage.',
        )
        .argument('<audit>', 'id of the audit'),
      'npx weaudit verify 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
    ),
  ).action(async (audit: string, flags: OperatorFlags) => {
    const { readManifest } = await import('../operator/manifest.ts');
    const { verifyAudit } = await import('../operator/verify.ts');
    const { describeFindings, isAllWell, summary } = await import('../operator/findings.ts');
    const { cloud, output } = await operator(flags);
    const manifest = await readManifest(cloud, audit);
    const progress = createProgress(output);
    const findings = await verifyAudit(cloud, manifest, progress).finally(() => progress.stop());
    const well = isAllWell(findings);
    output.document({
      audit,
      well,
      ...summary(findings),
      images: findings.images,
      records: findings.records,
    });
    output.print(describeFindings(findings));
    if (!well) {
      output.print(
        `\nWhat is missing or damaged may be brought back: npx weaudit restore ${audit} ${flags.local ? '--local' : `--stage ${cloud.stage}`}`,
      );
      end(EXIT.incomplete);
    }
  });
}
