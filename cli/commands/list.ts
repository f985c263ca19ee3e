import { type Command, Option } from 'commander';
import type { AuditEntry } from '../../lib/contract/answers.ts';
import { PAGE } from '../../lib/limits.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { oneLine, table } from '../output.ts';
import { describeCounts, describeImages } from '../watch.ts';
import { wholeNumber } from '../whole-number.ts';

interface ListFlags extends AuditorFlags {
  limit: number;
  all?: boolean;
}

/** `list` */
export function addList(program: Command): void {
  auditorCommand(
    program
      .command('list')
      .summary('list audits, newest first')
      .description('List audits, newest first.')
      .addOption(
        new Option('--limit <number>', 'number of audits').argParser(wholeNumber(1)).default(PAGE.audits),
      )
      .addOption(new Option('--all', 'list all audits').conflicts('limit')),
    'npx weaudit list --limit 5',
  ).action(async (flags: ListFlags) => {
    const { client, output } = auditor(flags);
    const audits: AuditEntry[] = [];
    const limit = flags.all ? Number.POSITIVE_INFINITY : flags.limit;
    for await (const audit of client.audits()) {
      audits.push(audit);
      if (audits.length >= limit) break;
    }
    output.document(audits);
    output.print(
      audits.length === 0
        ? 'There are no audits yet. Start one with "npx weaudit run".'
        : table(
            ['id', 'created', 'by', 'predictions', 'finished', 'outcome', 'name'],
            audits.map(({ id, createdAt, createdBy, predictions, finished, counts, images, name }) => [
              id,
              `${createdAt.slice(0, 16).replace('T', ' ')}Z`,
              oneLine(createdBy, 20),
              predictions,
              finished ? 'yes' : 'no',
              counts ? [describeCounts(counts), ...(images ? [describeImages(images)] : [])].join('; ') : '',
              oneLine(name, 50),
            ]),
          ),
    );
  });
}
