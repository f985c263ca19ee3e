import { type Command, Option } from 'commander';
import pLimit from 'p-limit';
import type { AuditEntry, StudyEntry } from '../../lib/contract/answers.ts';
import { describeCounts } from '../../lib/contract/counts-in-words.ts';
import { studyLines } from '../../lib/contract/study-lines.ts';
import { PAGE } from '../../lib/limits.ts';
import type { ApiClient } from '../api-client.ts';
import { CommandError, EXIT } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { oneLine, table } from '../output.ts';
import { findStudy, type StudyLine, studyLine } from '../study.ts';
import { describeImages } from '../watch.ts';
import { wholeNumber } from '../whole-number.ts';

interface ListFlags extends AuditorFlags {
  limit: number;
  all?: boolean;
}

/** Studies that are read at the same time. */
const PARALLEL = 4;

/** `list [study]` */
export function addList(program: Command): void {
  auditorCommand(program, {
    name: 'list',
    summary: 'list audits and studies, newest first',
    description:
      'List audits, newest first. The audits of a study are one line, where its newest audit is. With a study, list its audits.',
    args: [['[study]', 'id or name of a study']],
    options: [
      new Option('--limit <number>', 'number of lines').argParser(wholeNumber(1)).default(PAGE.audits),
      new Option('--all', 'list all audits, each on a line of its own, also those of studies').conflicts(
        'limit',
      ),
    ],
    example: 'npx weaudit list --limit 5',
  }).action(async (given: string | undefined, flags: ListFlags) => {
    const { client, output } = auditor(flags);
    const lines =
      given !== undefined
        ? await auditsOf(client, given)
        : flags.all
          ? await allAudits(client)
          : await linesOf(client, flags.limit);
    output.document(lines);
    output.print(
      lines.length === 0
        ? `There are no audits ${given === undefined ? 'yet' : 'in this study'}. Start one with "npx weaudit run".`
        : table(
            ['id', 'created', 'by', 'predictions', 'finished', 'outcome', 'name'],
            lines.map((line) => [
              line.id,
              `${line.createdAt.slice(0, 16).replace('T', ' ')}Z`,
              oneLine(line.createdBy, 20),
              line.predictions,
              finishedOf(line),
              outcomeOf(line),
              oneLine(line.name, 50),
            ]),
          ),
    );
  });
}

type Line = AuditEntry | StudyLine;

const finishedOf = (line: Line): string =>
  'audits' in line ? `${line.finishedAudits} of ${line.audits.length}` : line.finished ? 'yes' : 'no';

const outcomeOf = ({ counts, images }: Line): string =>
  counts ? [describeCounts(counts), ...(images ? [describeImages(images)] : [])].join('; ') : '';

async function auditsOf(client: ApiClient, given: string): Promise<AuditEntry[]> {
  const study = await findStudy(client, given);
  if (!study)
    throw new CommandError(
      EXIT.usage,
      `${given} is an audit. Its status: npx weaudit status ${given}. To list a study, pass its id or its name.`,
    );
  return study.audits;
}

async function allAudits(client: ApiClient): Promise<AuditEntry[]> {
  const audits: AuditEntry[] = [];
  for await (const audit of client.audits()) audits.push(audit);
  return audits;
}

/** The newest audits, and a study where its newest audit is. Studies whose audits are all gone are not among them. */
async function linesOf(client: ApiClient, most: number): Promise<Line[]> {
  const studies: StudyEntry[] = [];
  for await (const study of client.studies()) studies.push(study);
  const linesFor = studyLines(studies);
  const found: (AuditEntry | StudyEntry)[] = [];
  for await (const audit of client.audits()) {
    if (found.length >= most) break;
    found.push(...linesFor(audit));
  }
  const limit = pLimit(PARALLEL);
  const lines = await Promise.all(
    found.slice(0, most).map((one) =>
      limit(async () => {
        if (!('audits' in one)) return one;
        const study = await client.study(one.id);
        return study && studyLine(study);
      }),
    ),
  );
  return lines.filter((line) => line !== undefined);
}
