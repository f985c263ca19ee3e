import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Downloaded, downloadAudit, type Format } from '../download/download.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, size } from '../output.ts';
import { createProgress } from '../progress.ts';
import { wholeNumber } from '../whole-number.ts';

interface DownloadFlags extends AuditorFlags {
  format: Format;
  parallel: number;
  wait: boolean;
}

/** `download <audit> [folder]` */
export function addDownload(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(
    program
      .command('download')
      .summary('download an audit into a folder')
      .description(
        'Download an audit into a folder: the images, manifest.json, manifest.csv, SHA256SUMS, and index.html, which shows the grid offline. Checks the SHA-256 of every image. Run it again to download only what is missing or damaged.',
      )
      .argument('<audit>', 'id of the audit')
      .argument('[folder]', 'target folder (default: the id of the audit)')
      .addOption(
        new Option(
          '--format <format>',
          'gallery: a page that opens offline; imagefolder: images and metadata.jsonl for Hugging Face datasets',
        )
          .choices(['gallery', 'imagefolder'])
          .default('gallery'),
      )
      .addOption(
        new Option('--parallel <number>', 'images to download at the same time')
          .argParser(wholeNumber(1, 64))
          .default(8),
      )
      .addOption(new Option('--no-wait', 'do not wait for the manifest of a finished audit')),
    'npx weaudit download 06dn7w3qk2v4x8y0zr5t1m9abc evidence/occupations',
  ).action(async (audit: string, folder: string | undefined, flags: DownloadFlags) => {
    const { client, output } = auditor(flags);
    const progress = createProgress(output);
    const done = await downloadAudit(client, audit, resolve(folder ?? audit), flags, progress).finally(() =>
      progress.stop(),
    );
    const { fetched, kept, bytes, blank, withheld, pending, failed, withoutThumbnail, over, manifest } = done;
    const complete =
      over && pending === 0 && failed.length === 0 && (manifest || flags.format === 'imagefolder');
    output.document({ audit, complete, ...done });
    for (const { file, error } of failed) output.complain(`${file}: ${error}`);
    output.print(
      [
        `${count(fetched + kept - blank, 'image')}${blank > 0 ? ` (besides ${blank} blank)` : ''}, ${size(bytes)}${kept > 0 ? ` (${kept} already there)` : ''}, in ${done.folder}`,
        ...(withheld > 0
          ? [`${count(withheld, 'output')} not downloaded (invalid or never stored); the manifest lists them`]
          : []),
        ...(withoutThumbnail > 0
          ? [
              `${count(withoutThumbnail, 'rendition')} could not be downloaded; index.html shows the images themselves. Run the same command again. If that does not help, an operator can have missing renditions made: npx weaudit restore ${audit}`,
            ]
          : []),
        ...(complete && flags.format === 'gallery' ? [`Open ${done.folder}/index.html`] : []),
        ...(complete
          ? []
          : [`Incomplete: ${whyIncomplete(done)}. Run the same command again to get the rest.`]),
      ].join('\n'),
    );
    if (!complete) end(EXIT.incomplete);
  });
}

function whyIncomplete({ over, pending, failed }: Downloaded): string {
  if (!over) return 'the audit is still running';
  if (failed.length > 0) return `${count(failed.length, 'image')} could not be downloaded`;
  if (pending > 0) return `${count(pending, 'image')} not judged yet`;
  return 'the manifest is not written yet';
}
