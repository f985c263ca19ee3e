import type { Command } from 'commander';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, oneLine } from '../output.ts';
import { findStudy } from '../study.ts';
import { isOver } from '../watch.ts';

/** `cancel <audit>` */
export function addCancel(program: Command): void {
  auditorCommand(program, {
    name: 'cancel',
    summary: 'cancel an audit or a study; stored images are kept',
    description:
      'Cancel an audit, or all running audits of a study. Skips pending predictions, cancels running ones, keeps stored images.',
    args: [['<audit>', 'id of the audit, or id or name of the study']],
    example: 'npx weaudit cancel 06dn7w3qk2v4x8y0zr5t1m9abc',
  }).action(async (audit: string, flags: AuditorFlags) => {
    const { client, output } = auditor(flags);
    const study = await findStudy(client, audit);
    if (study) {
      const ids = study.audits.map(({ id }) => id);
      const running = (await client.statuses(ids)).filter((status) => !isOver(status));
      for (const { id } of running) await client.cancelIfRunning(id);
      const statuses = await client.statuses(ids);
      output.document({ id: study.id, audits: statuses.map(({ id, state }) => ({ id, state })) });
      output.print(
        `${count(running.length, 'audit')} of "${oneLine(study.name)}" canceled; ${count(ids.length - running.length, 'audit')} had finished. Stored images are kept.`,
      );
      return;
    }
    await client.cancel(audit);
    const status = await client.status(audit);
    output.document({ id: audit, state: status.state });
    output.print(`Audit ${audit}: ${status.state}. Stored images are kept.`);
  });
}
