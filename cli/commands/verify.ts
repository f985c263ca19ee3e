import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { readManifest } from '../operator/manifest.ts';
import { type Findings, isWell, verifyAudit } from '../operator/verify.ts';
import { backupOptions, type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { count, table } from '../output.ts';
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

export const isAllWell = ({ images, records }: Findings): boolean =>
  images.every(isWell) && records.every(({ state }) => state === 'alike');

const summary = ({ images }: Findings) => {
  const tally = (where: 'bucket' | 'backup') => {
    const counts: Record<string, number> = {};
    for (const image of images) counts[image[where]] = (counts[image[where]] ?? 0) + 1;
    return counts;
  };
  return { bucket: tally('bucket'), backup: tally('backup') };
};

const MAX_ROWS = 100;

/** Totals first, then each image and record that is not simply sound. */
export function describeFindings(findings: Findings): string {
  const { bucket, backup } = summary(findings);
  const words = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([condition, number]) => `${number} ${condition}`)
      .join(', ') || 'none';
  const odd = findings.images.filter((image) => image.bucket !== 'sound' || image.backup !== 'sound');
  const records = findings.records.filter(({ state }) => state !== 'alike');
  return [
    `${count(findings.images.length, 'image')} in the manifest`,
    `bucket: ${words(bucket)}`,
    `backup: ${words(backup)}`,
    ...(odd.length > 0
      ? [
          '',
          table(
            ['image', 'bucket', 'backup', 'why'],
            odd
              .slice(0, MAX_ROWS)
              .map(({ key, bucket, backup, reason }) => [key, bucket, backup, reason ?? '']),
          ),
        ]
      : []),
    ...(odd.length > MAX_ROWS ? [`… and ${odd.length - MAX_ROWS} more; --json has all`] : []),
    ...records.map(({ key, state }) => `${key}: ${state}`),
  ].join('\n');
}
