import { type Command, Option } from 'commander';
import { confirm } from '../confirm.ts';
import { CommandError, EXIT, type ExitStatus } from '../exit.ts';
import { parsePurgeTarget } from '../operator/purged.ts';
import { backupOptions, type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { count } from '../output.ts';
import { createProgress } from '../progress.ts';

interface PurgeFlags extends OperatorFlags {
  reason: string;
  yes?: boolean;
}

/** `purge <what>`: for content that must not exist. */
export function addPurge(program: Command, end: (status: ExitStatus) => void): void {
  backupOptions(
    operatorCommand(
      program
        .command('purge')
        .summary('remove an image or an audit everywhere, for good')
        .description(
          'For content that must not exist: removes an image, or an audit with its records, from the bucket and the backup, old versions included. What stays is a tombstone with the SHA-256 and the reason. It cannot be undone. The manifest of an audit that stays still names a purged image.',
        )
        .argument('<what>', "an audit's id, or an image's key: images/<audit>/<cell>/<index>")
        .addOption(
          new Option('--reason <text>', 'why, for whoever asks later; no names').makeOptionMandatory(),
        )
        .addOption(new Option('-y, --yes', 'do not ask')),
      'npx weaudit purge images/06dn7w3qk2v4x8y0zr5t1m9abc/00017/0 --stage prod --reason "court order 7/26"',
    ),
  ).action(async (what: string, flags: PurgeFlags) => {
    const target = parsePurgeTarget(what);
    if (!target)
      throw new CommandError(
        EXIT.usage,
        `"${what}" is neither an audit's id nor an image's key (images/<audit>/<cell>/<index>).`,
      );
    if (flags.reason.trim() === '') throw new CommandError(EXIT.usage, 'Say why: --reason "…".');
    const { carryOutPurge, describeTarget, findPurge } = await import('../operator/purge.ts');
    const { cloud, output } = await operator(flags);
    const progress = createProgress(output);
    try {
      const plan = await findPurge(cloud, target, progress);
      const { bucket, backup } = plan.versions;
      output.say(
        `${describeTarget(target)}: ${count(plan.images.length, 'image')}, ${count(bucket, 'version')} in ${cloud.images.bucket}, ${backup} in ${cloud.backup.bucket}.`,
      );
      await confirm('This destroys all of them for good.', 'purge', flags.yes ?? false);
      const done = await carryOutPurge(cloud, plan, flags.reason.trim(), progress);
      output.document({ what: describeTarget(target), ...done });
      output.print(
        `${describeTarget(target)} is gone: ${count(done.versions.bucket, 'version')} from the bucket, ${done.versions.backup} from the backup. The tombstone has its SHA-256 and the reason.`,
      );
      if (done.running > 0) {
        output.print(
          `${count(done.running, 'prediction')} still ran and ${done.running === 1 ? 'is' : 'are'} being canceled. Give the same command again in half an hour to remove the records too.`,
        );
        end(EXIT.incomplete);
      }
    } finally {
      progress.stop();
    }
  });
}
