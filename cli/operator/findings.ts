import { count, table } from '../output.ts';
import { type Findings, isWell } from './verify.ts';

/** Whether nothing needs mending: what was purged or has expired does not. */
export const isAllWell = ({ images, records }: Findings): boolean =>
  images.every(isWell) && records.every(({ state }) => state === 'alike');

/** How many images are in which condition, in the bucket and in the backup. */
export const summary = ({ images }: Findings) => {
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
