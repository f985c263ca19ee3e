import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { writeLines } from '../download/download.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count } from '../output.ts';
import { createProgress } from '../progress.ts';
import { labelRows, labelsAsCsv, labelsAsJsonLines, writeImageFolder } from '../rounds/labels.ts';
import { readRound } from '../rounds/read.ts';
import { wholeNumber } from '../whole-number.ts';

interface LabelsFlags extends AuditorFlags {
  format: 'csv' | 'jsonl' | 'imagefolder';
  out?: string;
  parallel: number;
}

/** `labels <round>` */
export function addLabels(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(program, {
    name: 'labels',
    summary: 'export the labels of a closed rating round',
    description:
      'Export the labels of a closed rating round: one row for each label with its prompt, model, seed and image, as CSV or JSONL; or the rated images with metadata.jsonl, which has the majority and all ratings of each image, for Hugging Face datasets.',
    args: [['<round>', 'id of the round']],
    options: [
      new Option('--format <format>', 'csv, jsonl, or imagefolder: images and metadata.jsonl')
        .choices(['csv', 'jsonl', 'imagefolder'])
        .default('csv'),
      new Option('--out <path>', 'target file, or folder of imagefolder (default: named by the id)'),
      new Option('--parallel <number>', 'images to download at the same time')
        .argParser(wholeNumber(1, 64))
        .default(8),
    ],
    example: 'npx weaudit labels 06dn7w3qk2v4x8y0zr5t1m9abc --format jsonl --out labels.jsonl',
  }).action(async (round: string, { format, out, parallel, ...flags }: LabelsFlags) => {
    const { client, output } = auditor(flags);
    const progress = createProgress(output);
    try {
      const facts = await readRound(client, round, progress);
      if (format === 'imagefolder') {
        const done = await writeImageFolder(facts, resolve(out ?? round), parallel, progress);
        progress.stop();
        output.document({ round, complete: done.failed.length === 0, ...done });
        for (const { file, error } of done.failed) output.complain(`${file}: ${error}`);
        output.print(`${count(done.images, 'image')} with labels in ${done.folder}`);
        if (done.failed.length > 0) end(EXIT.incomplete);
        return;
      }
      const rows = labelRows(facts);
      const file = resolve(out ?? `${round}.${format}`);
      await writeLines(file, [format === 'csv' ? labelsAsCsv(rows) : labelsAsJsonLines(rows)]);
      progress.stop();
      output.document({ round, file, labels: rows.length });
      output.print(`${count(rows.length, 'label')} in ${file}`);
    } finally {
      progress.stop();
    }
  });
}
