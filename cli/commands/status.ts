import { type Command, Option } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { oneLine } from '../output.ts';
import { describeCounts, watchAudit } from '../watch.ts';

interface StatusFlags extends AuditorFlags {
  watch?: boolean;
}

/** `status <audit>`: how an audit stands. */
export function addStatus(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(
    program
      .command('status')
      .summary('how an audit stands')
      .description('Says how an audit stands. With --watch until its last prediction has ended.')
      .argument('<audit>', 'id of the audit')
      .addOption(new Option('-w, --watch', 'stay until it is over')),
    'npx weaudit status 06dn7w3qk2v4x8y0zr5t1m9abc --watch',
  ).action(async (audit: string, flags: StatusFlags) => {
    const { client, output } = auditor(flags);
    const status = flags.watch ? await watchAudit(client, audit, output) : await client.status(audit);
    output.document(status);
    output.print(
      [
        `${oneLine(status.name)} (${status.id})`,
        `${status.state}: ${describeCounts(status.counts)}, of ${status.predictions}`,
        ...(status.waiting ? [`waits (${status.waiting.why}): ${oneLine(status.waiting.detail, 200)}`] : []),
        status.manifest ? 'the manifest is written' : 'the manifest is not written yet',
      ].join('\n'),
    );
    if (flags.watch && status.counts.failed + status.counts.canceled > 0) end(EXIT.incomplete);
  });
}
