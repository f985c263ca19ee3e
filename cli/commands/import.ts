import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { ImportRequest } from '../../lib/contract/import-request.ts';
import { IMPORT, RETENTIONS, type Retention } from '../../lib/limits.ts';
import { designKey } from '../design.ts';
import { CommandError, EXIT, type ExitStatus } from '../exit.ts';
import { type FoundPicture, listFiles, matchFiles, readPictures } from '../import/pictures.ts';
import { readImportTable } from '../import/table.ts';
import { uploadMissing } from '../import/upload.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, oneLine, size, table } from '../output.ts';
import { createProgress } from '../progress.ts';
import { addToStudy } from '../study.ts';
import { watchToEnd } from '../watch-to-end.ts';

interface ImportFlags extends AuditorFlags {
  prompts: string;
  model: string;
  name?: string;
  retention?: Retention;
  reference?: string;
  /** The name of a study. */
  study?: string;
  encoding?: string;
  key?: string;
  wait: boolean;
  dryRun?: boolean;
}

/** Names that a message lists. */
const NAMED = 3;
const MAX_ROWS = 20;

/** `import <folder>` */
export function addImport(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(program, {
    name: 'import',
    summary: 'make an audit of pictures that you have',
    description:
      'Upload pictures from a folder and make an audit of them, which is judged, stored and backed up like any other. A table has the prompt of each picture. The same pictures resume the existing audit; nothing is uploaded twice.',
    args: [['<folder>', 'folder with the pictures']],
    options: [
      new Option(
        '--prompts <table>',
        'table (.csv, .tsv, .json) with the columns prompt and file, a file, a folder or a pattern such as doctors/*.png; all others are factors. Without the column file: a folder for each prompt, named like it or like its number',
      ).makeOptionMandatory(),
      new Option('--model <text>', 'what made the pictures, such as "midjourney v7"').makeOptionMandatory(),
      new Option('--name <text>', 'name of the audit (default: the model and the first prompt)'),
      new Option('--reference <factor>', 'factor whose values are numbers to hold the results against'),
      new Option(
        '--study <name>',
        'add the audit to the study of this name, which is created if there is none',
      ),
      new Option('--retention <time>', 'how long to keep the audit').choices(RETENTIONS),
      new Option('--encoding <name>', 'how to read a table that is not UTF-8, such as windows-1252'),
      new Option('--dry-run', 'show which pictures belong to which prompts; upload nothing'),
      new Option('--key <text>', 'import the same pictures again as a new audit'),
      new Option('--no-wait', 'exit as soon as all pictures are uploaded'),
    ],
    example: 'npx weaudit import pictures --prompts pictures/table.csv --model "midjourney v7"',
  }).action(async (folder: string, flags: ImportFlags) => {
    end(await run(folder, flags));
  });
}

async function run(folder: string, flags: ImportFlags): Promise<ExitStatus> {
  const { client, output } = auditor(flags);
  const { prompts, rows, notes } = await readImportTable(flags.prompts, flags.encoding);
  const { named, unnamed } = matchFiles(await listFiles(folder), rows);
  for (const note of notes) output.say(note);
  if (unnamed.length > 0)
    output.say(
      `${count(unnamed.length, 'picture')} in no row of the table ${unnamed.length === 1 ? 'is' : 'are'} not imported: ${unnamed.slice(0, NAMED).join(', ')}${unnamed.length > NAMED ? ', …' : ''}.`,
    );
  const progress = createProgress(output);
  let pictures: FoundPicture[];
  try {
    const row = progress.row('read', named.length);
    let read = 0;
    pictures = await readPictures(folder, named, () => row.update(++read));
    if (!flags.dryRun) return await upload(pictures);
  } finally {
    progress.stop();
  }
  output.document(documentOf(prompts, pictures, unnamed));
  output.print(describe(prompts, pictures));
  return EXIT.ok;

  async function upload(pictures: FoundPicture[]): Promise<ExitStatus> {
    const request = requestOf(flags, prompts, pictures);
    if (flags.study !== undefined) await client.addToStudy(flags.study);
    const { id } = await client.createImport(request, designKey(request, flags.key));
    if (flags.study !== undefined) await addToStudy(client, flags.study, id);
    output.say(`Audit ${id}: ${count(pictures.length, 'picture')}, ${size(bytesOf(pictures))}.`);
    const row = progress.row('uploaded', pictures.length);
    const { uploaded, failed } = await uploadMissing(client, id, resolve(folder), pictures, row);
    progress.stop();
    for (const { file, error } of failed) output.complain(`${file}: ${error}`);
    if (failed.length > 0)
      throw new CommandError(
        failed.every(({ mayPass }) => mayPass) ? EXIT.unavailable : EXIT.incomplete,
        `${count(failed.length, 'picture')} could not be uploaded. Run the same command again: what is there is not uploaded again.`,
      );
    const about = { id, pictures: pictures.length, uploaded };
    if (flags.wait) return watchToEnd(client, [id], output, { whole: id, about });
    output.print(id);
    output.document(about);
    return EXIT.ok;
  }
}

type Prompts = Awaited<ReturnType<typeof readImportTable>>['prompts'];

const bytesOf = (pictures: readonly FoundPicture[]) => pictures.reduce((sum, { bytes }) => sum + bytes, 0);

function requestOf(
  { name, model, retention, reference }: ImportFlags,
  prompts: Prompts,
  pictures: readonly FoundPicture[],
): ImportRequest {
  if (model.length > IMPORT.modelLength)
    throw new CommandError(EXIT.usage, `--model has more than ${IMPORT.modelLength} characters. Shorten it.`);
  const request: ImportRequest = {
    ...(name === undefined ? {} : { name }),
    model,
    prompts,
    pictures: pictures.map(({ prompt, sha256, bytes, format }) => ({ prompt, sha256, bytes, format })),
    ...(reference === undefined ? {} : { reference }),
    ...(retention ? { retention } : {}),
  };
  return request;
}

/** Prompts with their numbers of pictures. */
const countsOf = (prompts: Prompts, pictures: readonly FoundPicture[]) =>
  prompts.map((prompt, place) => {
    const row = typeof prompt === 'string' ? { text: prompt } : prompt;
    return {
      ...row,
      pictures: pictures.filter((picture) => picture.prompt === place).map(({ file }) => file),
    };
  });

const documentOf = (prompts: Prompts, pictures: readonly FoundPicture[], unnamed: readonly string[]) => ({
  pictures: pictures.length,
  bytes: bytesOf(pictures),
  prompts: countsOf(prompts, pictures),
  notImported: unnamed,
});

function describe(prompts: Prompts, pictures: readonly FoundPicture[]): string {
  const rows = countsOf(prompts, pictures).map(({ text, pictures: of }) => [
    oneLine(text, 60),
    of.length,
    oneLine(`${of[0]}${of.length > 1 ? ` … ${of.at(-1)}` : ''}`, 60),
  ]);
  return [
    `${count(pictures.length, 'picture')} of ${count(prompts.length, 'prompt')}, ${size(bytesOf(pictures))}`,
    '',
    table(['prompt', 'pictures', 'files'], rows.slice(0, MAX_ROWS)),
    ...(rows.length > MAX_ROWS ? [`… and ${rows.length - MAX_ROWS} more prompts`] : []),
    '',
    'Nothing was uploaded. Run the same command without --dry-run to import them.',
  ].join('\n');
}
