import type { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { type AuditorFlags, auditor, auditorCommand, yes } from '../options.ts';
import { count, oneLine } from '../output.ts';
import { findStudy } from '../study.ts';

interface DeleteFlags extends AuditorFlags {
  yes?: boolean;
}

/** `delete <audit>` */
export function addDelete(program: Command): void {
  auditorCommand(program, {
    name: 'delete',
    summary: 'delete an audit and its images, or a study',
    description:
      'Delete an audit with its images, records and results, for everyone. The backup keeps its copies until they expire; only an operator can purge them. Deleting a study keeps its audits.',
    args: [['<audit>', 'id of the audit, or id or name of the study']],
    options: [yes()],
    example: 'npx weaudit delete 06dn7w3qk2v4x8y0zr5t1m9abc --yes',
  }).action(async (audit: string, flags: DeleteFlags) => {
    const { client, output } = auditor(flags);
    const study = await findStudy(client, audit);
    if (study) {
      await confirm(
        `This deletes the study "${oneLine(study.name)}" for everyone. Its ${count(study.audits.length, 'audit')} are kept.`,
        'delete',
        flags.yes ?? false,
      );
      await client.deleteStudy(study.id);
      output.document({ id: study.id, state: 'deleted' });
      output.print(`The study "${oneLine(study.name)}" is deleted. Its audits are kept.`);
      return;
    }
    const { name, predictions } = await client.status(audit);
    await confirm(
      `This deletes "${oneLine(name)}" (${count(predictions, 'prediction')}) for everyone. The backup keeps its copies until they expire.`,
      'delete',
      flags.yes ?? false,
    );
    await client.delete(audit);
    output.document({ id: audit, state: 'deleting' });
    output.print(`Audit ${audit} is being deleted. The backup keeps its copies until they expire.`);
  });
}
