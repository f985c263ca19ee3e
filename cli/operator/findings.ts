import { count, table } from '../output.ts';
import { type Findings, isOk, type RenditionFinding } from './verify.ts';

/** Whether nothing has to be restored. Purged and expired images do not count as damage, nor do judgements that are older. */
export const isAllOk = ({
  images,
  records,
  faults,
}: Pick<Findings, 'images' | 'records' | 'faults'>): boolean =>
  images.every(isOk) && records.every(({ state }) => state === 'identical') && faults.length === 0;

/** Only a purge removes such renditions. */
const isStray = ({ state }: RenditionFinding): boolean =>
  state === 'of a purged image' || state === 'without its image';

/** Results are not backed up, so that nothing brings one back. */
const hasNoResult = ({ state }: RenditionFinding): boolean => state === 'no result';

/** Whether `weaudit restore` can do anything about it. */
export const isRestorable = ({ images, records, faults }: Findings): boolean =>
  !isAllOk({ images, records, faults: faults.filter((fault) => !isStray(fault) && !hasNoResult(fault)) });

/** What to do about judgements and renditions that `weaudit restore` leaves as they are. @param stage the flag that chooses it */
export function adviceOn({ older, faults }: Findings, audit: string, stage: string): string[] {
  const [stray, ...more] = faults.filter(isStray);
  const lost = faults.filter(hasNoResult).length;
  const others = more.length > 0 ? ` (and so for ${more.length} more)` : '';
  return [
    ...(older > 0
      ? [`To have them judged by the present decoder: npx weaudit rejudge ${audit} ${stage}`]
      : []),
    ...(stray
      ? [
          `To remove a rendition that must not exist${others}: npx weaudit purge ${stray.image} ${stage} --reason "…"`,
        ]
      : []),
    ...(lost > 0
      ? [
          `${count(lost, 'image')} cannot be judged or shown: the results of their predictions are lost, and results are not backed up. The manifest names the images, and their bytes are in S3.`,
        ]
      : []),
  ];
}

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
const WORDS: Record<RenditionFinding['state'], string> = {
  'not judged': 'not judged, so it is not shown',
  'no result': 'its prediction has no result, so it is not shown',
  'no rendition': 'has no rendition',
  'of a quarantined image': 'is quarantined, but has a rendition',
  'of a purged image': 'was purged, but has a rendition',
  'without its image': 'does not exist, but has a rendition',
};

/** Totals, then each image, record and rendition that is not as it should be. */
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
    `renditions: ${findings.renditions}`,
    ...(findings.older > 0 ? [`${count(findings.older, 'image')} judged without the present decoder`] : []),
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
    ...findings.faults.slice(0, MAX_ROWS).map(({ image, state }) => `${image}: ${WORDS[state]}`),
    ...(findings.faults.length > MAX_ROWS
      ? [`… and ${findings.faults.length - MAX_ROWS} more; --json lists all`]
      : []),
  ].join('\n');
}
