import type { Totals } from '../../../lib/contract/counted.ts';
import { given, some, whole } from './locale.ts';
import { unseenInWords } from './outcomes.ts';

/** The list of audits. */
export const words = {
  title: 'Audits',
  all: 'All audits',
  selectTwo: 'Select two audits to compare them.',
  compare: 'Compare these two',
  flat: 'List the audits of studies one by one',
  none: 'No audits yet.',
  startFirst: 'Start the first one.',
  select: (name: string) => `Select ${name} for comparison`,
  imported: 'imported by ',
  pictures: (n: number) => some(n, 'picture', 'pictures'),
  predictions: (n: number) => some(n, 'prediction', 'predictions'),
  /** What became of a finished audit, in the order of the other counts. */
  outcomes: ({ counts, images }: Pick<Totals, 'counts' | 'images'>, imported: boolean) =>
    [
      ...(counts.refused > 0 || imported ? [] : ['none refused']),
      ...(['refused', 'failed', 'canceled'] as const).flatMap((name) =>
        counts[name] > 0 ? [`${whole(counts[name])} ${name}`] : [],
      ),
      // Of filtered images, most are those of refusals: who adds both would count them twice.
      ...(images ? [unseenInWords(counts.refused > 0 ? { ...images, filtered: 0 } : images)] : []),
    ]
      .filter((text) => text !== '')
      .join(' · '),
  finished: 'finished',
  running: 'running',
  delete: 'Delete',
  deleteNamed: (name: string) => `Delete ${name}`,
  older: 'Show older audits',
  deleteTitle: (name: string) => `Delete “${given(name)}”?`,
  deleteAction: 'Delete audit',
  deleteMeans:
    'The audit and its images disappear from this page for everyone. Running predictions are canceled.',
  backupKeeps: 'The backup keeps',
  whatBackupKeeps:
    'the plan, the manifests and every image stored so far. They cannot be deleted from this page. An operator can restore the audit from them.',
};
