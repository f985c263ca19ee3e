import { type Command, Option } from 'commander';
import type { AuditStatus } from '../../lib/contract/answers.ts';
import { addUp } from '../../lib/contract/counted.ts';
import { describeCounts } from '../../lib/contract/counts-in-words.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, oneLine } from '../output.ts';
import { describeStudy, findStudy } from '../study.ts';
import { describeCost, describeImages, describeWaiting, watchAudit, watchAudits } from '../watch.ts';

interface StatusFlags extends AuditorFlags {
  watch?: boolean;
}

/** `status <audit>` */
export function addStatus(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(program, {
    name: 'status',
    summary: 'show the status of an audit or a study',
    description:
      'Show the status of an audit, or of all audits of a study together. With --watch, show the progress until the last prediction finishes.',
    args: [['<audit>', 'id of the audit, or id or name of the study']],
    options: [new Option('-w, --watch', 'watch until the last prediction finishes')],
    example: 'npx weaudit status 06dn7w3qk2v4x8y0zr5t1m9abc --watch',
  }).action(async (audit: string, flags: StatusFlags) => {
    const { client, output } = auditor(flags);
    const study = await findStudy(client, audit);
    if (study) {
      const ids = study.audits.map(({ id }) => id);
      const statuses = flags.watch ? await watchAudits(client, ids, output) : await client.statuses(ids);
      const { audits: _entries, ...identity } = study;
      output.document({ ...identity, ...addUp(statuses), audits: statuses });
      output.print(describeStudy(study, statuses));
      if (flags.watch && isIncomplete(statuses)) end(EXIT.incomplete);
      return;
    }
    const status = flags.watch ? await watchAudit(client, audit, output) : await client.status(audit);
    output.document(status);
    output.print(
      [
        `${oneLine(status.name)} (${status.id})`,
        ...(status.source === 'imported' ? [`imported by ${oneLine(status.createdBy)}`] : []),
        `${status.state}: ${describeCounts(status.counts)} (${count(status.predictions, 'prediction')})`,
        ...(status.images ? [describeImages(status.images)] : []),
        ...describeCost(status.cost),
        ...(status.waiting ? [describeWaiting(status.waiting)] : []),
        `manifest: ${status.manifest ? 'written' : 'not written yet'}`,
      ].join('\n'),
    );
    if (flags.watch && isIncomplete([status])) end(EXIT.incomplete);
  });
}

const isIncomplete = (statuses: AuditStatus[]): boolean =>
  statuses.some(({ counts }) => counts.failed + counts.canceled > 0);
