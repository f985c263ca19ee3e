import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { contrastSentence, shareSentence } from '../../lib/findings/words.ts';
import { CommandError, EXIT, type ExitStatus, fileFault } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, oneLine } from '../output.ts';
import { createProgress } from '../progress.ts';
import { type WrittenReport, writeReport } from '../rounds/report.ts';

interface ReportFlags extends AuditorFlags {
  out?: string;
  reply?: string;
}

/** Lines of findings that are printed. */
const MOST_LINES = 20;

/** `report <round>` */
export function addReport(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(program, {
    name: 'report',
    summary: 'write the report of a closed rating round',
    description:
      'Write the report of a closed rating round: report.html, which opens offline and has no script, the CSVs with its labels and numbers, and recompute.py, which calculates every number again.',
    args: [['<round>', 'id of the round']],
    options: [
      new Option('--out <folder>', 'target folder (default: the id)'),
      new Option('--reply <file>', 'text file with what the makers of the models reply'),
    ],
    example: 'npx weaudit report 06dn7w3qk2v4x8y0zr5t1m9abc --out findings',
  }).action(async (round: string, flags: ReportFlags) => {
    const { client, output } = auditor(flags);
    const reply = flags.reply === undefined ? undefined : await readReply(flags.reply);
    const progress = createProgress(output);
    const written = await writeReport(client, round, resolve(flags.out ?? round), progress, reply).finally(
      () => progress.stop(),
    );
    output.document(written);
    if (written.missing > 0)
      output.complain(
        `${count(written.missing, 'sample picture')} could not be downloaded, and the report says so. Run the same command again.`,
      );
    output.print(describeReport(written));
    if (written.missing > 0) end(EXIT.incomplete);
  });
}

async function readReply(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(EXIT.usage, `The reply ${file} cannot be read: ${fileFault(error)}.`);
  }
}

function describeReport({ folder, findings, codebook }: WrittenReport): string {
  const primary = findings.contrasts.filter((contrast) => contrast.primary);
  const shares = findings.shares.filter(({ group }) => group.kind === 'model');
  const { exploratory } = findings;
  const said = [
    ...primary.map((contrast) => contrastSentence(contrast, codebook)),
    ...shares.map((share) => shareSentence(share, findings, codebook)),
  ];
  return [
    // Terminals show isolates as boxes.
    ...said.slice(0, MOST_LINES).map((line) => oneLine(line.replace(/[\u2068\u2069]/g, ''), 300)),
    ...(said.length > MOST_LINES ? [`… and ${said.length - MOST_LINES} more`] : []),
    `${count(exploratory.count, 'exploratory contrast')}, ${exploratory.certain} certain`,
    `Open ${folder}/report.html`,
    `To calculate every number again: python3 ${folder}/recompute.py`,
  ].join('\n');
}
