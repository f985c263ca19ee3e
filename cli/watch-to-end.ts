import { addUp } from '../lib/contract/counted.ts';
import { describeNoPictures } from '../lib/contract/counts-in-words.ts';
import type { ApiClient } from './api-client.ts';
import { EXIT, type ExitStatus } from './exit.ts';
import { count, type Output, size } from './output.ts';
import { readResults, resultsTable } from './results.ts';
import { describeImages, watchAudit, watchAudits } from './watch.ts';

/**
 * Watches audits as one until they are finished, and says what became of them.
 * @param of.whole the audit, or the study that they are in
 * @param of.about members of the document of `--json`
 */
export async function watchToEnd(
  client: ApiClient,
  audits: readonly string[],
  output: Output,
  { whole, about }: { whole: string; about: object },
): Promise<ExitStatus> {
  const isOne = audits.length === 1;
  const statuses = isOne
    ? [await watchAudit(client, audits[0]!, output)]
    : await watchAudits(client, audits, output);
  const results = await readResults(client, audits);
  const { images } = results;
  const place = isOne ? results.place : undefined;
  const { counts } = addUp(statuses);
  output.document({
    ...about,
    ...(isOne ? { state: statuses[0]?.state } : {}),
    ...{ counts, images },
    ...(place ? { place } : {}),
  });
  output.print(resultsTable(results));
  output.print('');
  output.print(`${describeImages(images)}, ${size(images.bytes)}${place ? `, in ${place}` : ''}`);
  if (describeNoPictures(images))
    output.print(
      'The manifest gives the reason for each image that is not shown, and counts the filtered ones.',
    );
  if (images.pending > 0)
    output.print(
      `${count(images.pending, 'image')} not judged yet; "npx weaudit status ${whole}" counts them when they are.`,
    );
  output.print(`Download everything: npx weaudit download ${whole}`);
  // A refusal is a finding of the audit, not a failure.
  return counts.failed + counts.canceled + images.lost > 0 ? EXIT.incomplete : EXIT.ok;
}
