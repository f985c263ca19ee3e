import { count, table } from '../output.ts';
import { type Findings, isOk } from './verify.ts';

/** Whether nothing has to be restored. Purged and expired images do not count as damage. */
export const isAllOk = ({ images, records }: Findings): boolean =>
  images.every(isOk) && records.every(({ state }) => state === 'identical');

/** The number of images in each condition, in the images bucket and in the backup. */
export const summary = ({ images }: Findings) => {
  const tally = (where: 'bucket' | 'backup') => {
    const counts: Record<string, number> = {};
    for (const image of images) counts[image[where]] = (counts[image[where]] ?? 0) + 1;
    return counts;
  };
  return { bucket: tally('bucket'), backup: tally('backup') };
};

const MAX_ROWS = 100;

/** Totals, then each image and record that is not simply intact. */
export function describeFindings(findings: Findings): string {
  const { bucket, backup } = summary(findings);
  const words = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([condition, number]) => `${number} ${condition}`)
      .join(', ') || 'none';
  const odd = findings.images.filter((image) => image.bucket !== 'intact' || image.backup !== 'intact');
  const records = findings.records.filter(({ state }) => state !== 'identical');
  return [
    `${count(findings.images.length, 'image')} in the manifest`,
    `bucket: ${words(bucket)}`,
    `backup: ${words(backup)}`,
    ...(odd.length > 0
      ? [
          '',
          table(
            ['image', 'bucket', 'backup', 'reason'],
            odd
              .slice(0, MAX_ROWS)
              .map(({ key, bucket, backup, reason }) => [key, bucket, backup, reason ?? '']),
          ),
        ]
      : []),
    ...(odd.length > MAX_ROWS ? [`… and ${odd.length - MAX_ROWS} more; --json lists all`] : []),
    ...records.map(({ key, state }) => `${key}: ${state}`),
  ].join('\n');
}
