import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Downloaded, downloadAudit, type Format, isComplete } from '../download/download.ts';
import { type DownloadedStudy, downloadStudy } from '../download/study.ts';
import { CommandError, EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, type Output, oneLine, size } from '../output.ts';
import { createProgress } from '../progress.ts';
import { findStudy } from '../study.ts';
import { wholeNumber } from '../whole-number.ts';

interface DownloadFlags extends AuditorFlags {
  format: Format;
  parallel: number;
  wait: boolean;
}

/** `download <audit> [folder]` */
export function addDownload(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(program, {
    name: 'download',
    summary: 'download an audit or a study into a folder',
    description:
      'Download an audit into a folder: the images, manifest.json, manifest.csv, manifest.xlsx, SHA256SUMS, and index.html, which shows the grid offline. Of closed rating rounds, the labels are in the folder "rounds". Checks the SHA-256 of every image. Run it again to download only what is missing or damaged. Of a study, each audit has a folder of its own, and one manifest.json and manifest.csv have the cells of all, with a column "audit".',
    args: [
      ['<audit>', 'id of the audit, or id or name of the study'],
      ['[folder]', 'target folder (default: the id)'],
    ],
    options: [
      new Option(
        '--format <format>',
        'gallery: a page that opens offline; imagefolder: images and metadata.jsonl for Hugging Face datasets',
      )
        .choices(['gallery', 'imagefolder'])
        .default('gallery'),
      new Option('--parallel <number>', 'images to download at the same time')
        .argParser(wholeNumber(1, 64))
        .default(8),
      new Option('--no-wait', 'do not wait for the manifest of a finished audit'),
    ],
    example: 'npx weaudit download 06dn7w3qk2v4x8y0zr5t1m9abc evidence/occupations',
  }).action(async (audit: string, folder: string | undefined, flags: DownloadFlags) => {
    const { client, output } = auditor(flags);
    const progress = createProgress(output);
    const study = await findStudy(client, audit);
    if (study) {
      if (study.audits.length === 0)
        throw new CommandError(EXIT.refused, `The study "${oneLine(study.name)}" has no audits to download.`);
      const done = await downloadStudy(client, study, resolve(folder ?? study.id), flags, progress).finally(
        () => progress.stop(),
      );
      const complete = done.audits.every((one) => one.complete);
      output.document({ study: study.id, complete, ...done });
      for (const one of done.audits) complain(output, one, `${one.audit}/`);
      output.print(describeDownload(sumOf(done), complete, flags, study.id));
      if (!complete) end(EXIT.incomplete);
      return;
    }
    const done = await downloadAudit(client, audit, resolve(folder ?? audit), flags, progress).finally(() =>
      progress.stop(),
    );
    const complete = isComplete(done, flags);
    output.document({ audit, complete, ...done });
    complain(output, done);
    output.print(describeDownload(done, complete, flags, audit));
    if (!complete) end(EXIT.incomplete);
  });
}

function complain(output: Output, { failed }: Downloaded, prefix = ''): void {
  for (const { file, error } of failed) output.complain(`${prefix}${file}: ${error}`);
}

/** The downloads of a study as one. */
const sumOf = ({ folder, audits, manifest }: DownloadedStudy): Downloaded => {
  const sum = (count: (one: Downloaded) => number) => audits.reduce((before, one) => before + count(one), 0);
  return {
    folder,
    fetched: sum((one) => one.fetched),
    kept: sum((one) => one.kept),
    bytes: sum((one) => one.bytes),
    blank: sum((one) => one.blank),
    withheld: sum((one) => one.withheld),
    pending: sum((one) => one.pending),
    withoutThumbnail: sum((one) => one.withoutThumbnail),
    failed: audits.flatMap((one) => one.failed),
    over: audits.every((one) => one.over),
    manifest,
    rounds: {
      closed: sum(({ rounds }) => rounds.closed),
      open: sum(({ rounds }) => rounds.open),
    },
  };
};

/** @param id of what was downloaded */
function describeDownload(
  done: Downloaded,
  complete: boolean,
  { format }: DownloadFlags,
  id: string,
): string {
  const { folder, fetched, kept, bytes, blank, withheld, withoutThumbnail, rounds } = done;
  return [
    `${count(fetched + kept - blank, 'image')}${blank > 0 ? ` (besides ${blank} blank)` : ''}, ${size(bytes)}${kept > 0 ? ` (${kept} already there)` : ''}, in ${folder}`,
    ...(withheld > 0
      ? [`${count(withheld, 'output')} not downloaded (invalid or never stored); the manifest lists them`]
      : []),
    ...(withoutThumbnail > 0
      ? [
          `${count(withoutThumbnail, 'rendition')} could not be downloaded; index.html shows the images themselves. Run the same command again. If that does not help, an operator can have missing renditions made: npx weaudit restore ${id}`,
        ]
      : []),
    ...(rounds.closed > 0 ? [`with the labels of ${count(rounds.closed, 'rating round')}`] : []),
    ...(rounds.open > 0
      ? [
          `without the labels of ${count(rounds.open, 'rating round')} that ${rounds.open === 1 ? 'is' : 'are'} not closed`,
        ]
      : []),
    ...(complete && format === 'gallery' ? [`Open ${folder}/index.html`] : []),
    ...(complete ? [] : [`Incomplete: ${whyIncomplete(done)}. Run the same command again to get the rest.`]),
  ].join('\n');
}

function whyIncomplete({ over, pending, failed }: Downloaded): string {
  if (!over) return 'predictions are still running';
  if (failed.length > 0) return `${count(failed.length, 'image')} could not be downloaded`;
  if (pending > 0) return `${count(pending, 'image')} not judged yet`;
  return 'the manifest is not written yet';
}
