import { type Command, Option } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand } from '../options.ts';
import { count, oneLine } from '../output.ts';
import { describeCost, describeCounts, describeImages, describeWaiting, watchAudit } from '../watch.ts';

interface StatusFlags extends AuditorFlags {
  watch?: boolean;
}

/** `status <audit>` */
export function addStatus(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(
    program
      .command('status')
      .summary('show the status of an audit')
      .description(
        'Show the status of an audit. With --watch, show its progress until the last prediction finishes.',
      )
      .argument('<audit>', 'id of the audit')
      .addOption(new Option('-w, --watch', 'watch until the audit finishes')),
    'npx weaudit status 06dn7w3qk2v4x8y0zr5t1m9abc --watch',
  ).action(async (audit: string, flags: StatusFlags) => {
    const { client, output } = auditor(flags);
    const status = flags.watch ? await watchAudit(client, audit, output) : await client.status(audit);
    output.document(status);
    output.print(
      [
        `${oneLine(status.name)} (${status.id})`,
        `${status.state}: ${describeCounts(status.counts)} (${count(status.predictions, 'prediction')})`,
        ...(status.images ? [describeImages(status.images)] : []),
        ...describeCost(status.cost),
        ...(status.waiting ? [describeWaiting(status.waiting)] : []),
        `manifest: ${status.manifest ? 'written' : 'not written yet'}`,
      ].join('\n'),
    );
    if (flags.watch && status.counts.failed + status.counts.canceled > 0) end(EXIT.incomplete);
  });
}
