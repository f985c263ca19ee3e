import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { downloadAudit, type Format } from '../download/download.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand, wholeNumber } from '../options.ts';
import { count, size } from '../output.ts';
import { createProgress } from '../progress.ts';

interface DownloadFlags extends AuditorFlags {
  format: Format;
  parallel: number;
  wait: boolean;
}

/** `download <audit> [folder]`: everything, to be looked at without a connection. */
export function addDownload(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(
    program
      .command('download')
      .summary('put an audit into a folder')
      .description(
        'Puts an audit into a folder: images with their extensions, manifest.json, manifest.csv, SHA256SUMS, and index.html, which shows the grid without a connection. Every file is checked by its SHA-256. Given again, it fetches only what is missing.',
      )
      .argument('<audit>', 'id of the audit')
      .argument('[folder]', 'where to; a folder named like the audit unless given')
      .addOption(
        new Option('--format <format>', 'imagefolder: images and metadata.jsonl for Hugging Face datasets')
          .choices(['gallery', 'imagefolder'])
          .default('gallery'),
      )
      .addOption(
        new Option('--parallel <number>', 'images fetched at a time')
          .argParser(wholeNumber(1, 64))
          .default(8),
      )
      .addOption(new Option('--no-wait', 'do not wait for the manifest of an audit that is over')),
    'npx weaudit download 06dn7w3qk2v4x8y0zr5t1m9abc evidence/occupations',
  ).action(async (audit: string, folder: string | undefined, flags: DownloadFlags) => {
    const { client, output } = auditor(flags);
    const progress = createProgress(output);
    const done = await downloadAudit(client, audit, resolve(folder ?? audit), flags, progress).finally(() =>
      progress.stop(),
    );
    const { fetched, kept, bytes, withheld, pending, failed, over, manifest } = done;
    const complete =
      over && pending === 0 && failed.length === 0 && (manifest || flags.format === 'imagefolder');
    output.document({ audit, complete, ...done });
    for (const { file, error } of failed) output.complain(`${file}: ${error}`);
    output.print(
      [
        `${count(fetched + kept, 'image')}, ${size(bytes)}${kept > 0 ? ` (${kept} were there)` : ''}, in ${done.folder}`,
        ...(withheld > 0
          ? [
              `${count(withheld, 'output')} without a file: no sound image, or never stored; the manifest says which`,
            ]
          : []),
        ...(complete && flags.format === 'gallery' ? [`Open ${done.folder}/index.html`] : []),
        ...(complete
          ? []
          : [
              `Not everything is there yet${over ? '' : ': the audit still runs'}. Give the same command again.`,
            ]),
      ].join('\n'),
    );
    if (!complete) end(EXIT.incomplete);
  });
}
