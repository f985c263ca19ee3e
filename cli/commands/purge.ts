import { type Command, Option } from 'commander';
import { confirm } from '../confirm.ts';
import { CommandError, EXIT, type ExitStatus } from '../exit.ts';
import { parsePurgeTarget } from '../operator/purged.ts';
import { type OperatorFlags, operator, operatorCommand, yes } from '../options.ts';
import { count } from '../output.ts';
import { createProgress } from '../progress.ts';

interface PurgeFlags extends OperatorFlags {
  reason: string;
  yes?: boolean;
}

/** `purge <what>` */
export function addPurge(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(program, {
    name: 'purge',
    summary: 'permanently remove an image or an audit, backup included',
    description:
      'Permanently remove an image with its rendition, or an audit with its records, from the images bucket and the backup, including old versions. Use it for content that must not exist. A tombstone keeps the SHA-256 and the reason. This cannot be undone. After an image is purged, the manifest of its audit still names it.',
    args: [['<what>', 'id of an audit, or key of an image: images/<audit>/<cell>/<index>']],
    options: [
      new Option(
        '--reason <text>',
        'reason to record in the tombstone; do not name people',
      ).makeOptionMandatory(),
      yes(),
    ],
    backup: true,
    example:
      'npx weaudit purge images/06dn7w3qk2v4x8y0zr5t1m9abc/00017/0 --stage prod --reason "court order 7/26"',
  }).action(async (what: string, flags: PurgeFlags) => {
    const target = parsePurgeTarget(what);
    if (!target)
      throw new CommandError(
        EXIT.usage,
        `"${what}" is neither the id of an audit nor the key of an image. Pass an id, or images/<audit>/<cell>/<index>.`,
      );
    if (flags.reason.trim() === '')
      throw new CommandError(EXIT.usage, 'The reason is empty. Pass --reason "…".');
    const { carryOutPurge, describeTarget, findPurge } = await import('../operator/purge.ts');
    const { cloud, output } = await operator(flags);
    const progress = createProgress(output);
    try {
      const plan = await findPurge(cloud, target, progress);
      const { bucket, backup } = plan.versions;
      output.say(
        `${describeTarget(target)}: ${count(plan.images.length, 'image')}, ${count(plan.renditions, 'rendition')}, ${count(bucket, 'version')} in ${cloud.images.bucket}, ${backup} in ${cloud.backup.bucket}.`,
      );
      await confirm(
        'This permanently removes all of them, renditions included.',
        'purge',
        flags.yes ?? false,
      );
      const done = await carryOutPurge(cloud, plan, flags.reason.trim(), progress);
      output.document({ what: describeTarget(target), ...done });
      output.print(
        `Purged ${describeTarget(target)} and ${count(done.renditions, 'rendition')}: ${count(done.versions.bucket, 'version')} from the bucket, ${done.versions.backup} from the backup. The tombstone keeps the SHA-256 and the reason.`,
      );
      if (done.running > 0) {
        output.print(
          `${count(done.running, 'prediction')} ${done.running === 1 ? 'was' : 'were'} still running and ${done.running === 1 ? 'is' : 'are'} being canceled. Run the same command again in half an hour to remove the records too.`,
        );
        end(EXIT.incomplete);
      }
    } finally {
      progress.stop();
    }
  });
}
