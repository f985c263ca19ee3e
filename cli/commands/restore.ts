import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type OperatorFlags, operator, operatorCommand, stageFlag } from '../options.ts';
import { count, table } from '../output.ts';
import { createProgress } from '../progress.ts';

/** `restore <audit>` */
export function addRestore(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(program, {
    name: 'restore',
    summary: 'restore missing or damaged objects from the backup',
    description:
      'Verify an audit and restore missing or damaged objects: from the backup into the images bucket and vice versa, from an older version if the newest is damaged too. Nothing is overwritten: damaged bytes are kept as an old version. Then tag judges what was restored and makes missing renditions. Purged images are not restored.',
    args: [['<audit>', 'id of the audit']],
    backup: true,
    example: 'npx weaudit restore 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
  }).action(async (audit: string, flags: OperatorFlags) => {
    const { readManifest } = await import('../operator/manifest.ts');
    const { explainSilence } = await import('../operator/judging.ts');
    const { restoreAudit } = await import('../operator/restore.ts');
    const { verifyAudit } = await import('../operator/verify.ts');
    const { adviceOn, describeFindings, isAllOk } = await import('../operator/findings.ts');
    const { cloud, output } = await operator(flags);
    const manifest = await readManifest(cloud, audit);
    const progress = createProgress(output);
    const { restored, after } = await (async () => {
      const before = await verifyAudit(cloud, manifest, progress);
      const restored = isAllOk(before) ? [] : await restoreAudit(cloud, audit, before, progress);
      return { restored, after: restored.length > 0 ? await verifyAudit(cloud, manifest, progress) : before };
    })().finally(() => progress.stop());
    const ok = isAllOk(after);
    output.document({ audit, ok, restored, images: after.images.length });
    if (restored.length > 0)
      output.print(
        table(
          ['object', 'in', 'outcome', 'detail'],
          restored.map(({ key, where, outcome, detail }) => [key, where, outcome, detail]),
        ),
      );
    const silent = restored.filter(({ outcome }) => outcome === 'not judged').length;
    if (silent > 0)
      output.complain(
        explainSilence(
          `${count(silent, 'image is', 'images are')} stored and intact, but not shown until tag has judged ${silent === 1 ? 'it' : 'them'}.`,
          stageFlag(flags, cloud),
        ),
      );
    output.print(restored.length === 0 && ok ? 'Nothing to restore.' : describeFindings(after));
    for (const advice of adviceOn(after, audit, stageFlag(flags, cloud))) output.print(`\n${advice}`);
    if (!ok) end(EXIT.incomplete);
  });
}
