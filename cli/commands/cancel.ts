import type { Command } from 'commander';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';

/** `cancel <audit>` */
export function addCancel(program: Command): void {
  auditorCommand(
    program
      .command('cancel')
      .summary('cancel an audit; stored images are kept')
      .description('Cancel an audit. Skips pending predictions, cancels running ones, keeps stored images.')
      .argument('<audit>', 'id of the audit'),
    'npx weaudit cancel 06dn7w3qk2v4x8y0zr5t1m9abc',
  ).action(async (audit: string, flags: AuditorFlags) => {
    const { client, output } = auditor(flags);
    await client.cancel(audit);
    const status = await client.status(audit);
    output.document({ id: audit, state: status.state });
    output.print(`Audit ${audit}: ${status.state}. Stored images are kept.`);
  });
}
