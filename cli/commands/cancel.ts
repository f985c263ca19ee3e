import type { Command } from 'commander';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';

/** `cancel <audit>`: stop asking, keep what is there. */
export function addCancel(program: Command): void {
  auditorCommand(
    program
      .command('cancel')
      .summary('stop asking; keep what is there')
      .description(
        'Cancels an audit: what was not asked is not, what runs is canceled, what is stored stays.',
      )
      .argument('<audit>', 'id of the audit'),
    'npx weaudit cancel 06dn7w3qk2v4x8y0zr5t1m9abc',
  ).action(async (audit: string, flags: AuditorFlags) => {
    const { client, output } = auditor(flags);
    await client.cancel(audit);
    const status = await client.status(audit);
    output.document({ id: audit, state: status.state });
    output.print(`${audit}: ${status.state}. What is stored stays.`);
  });
}
