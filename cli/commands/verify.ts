import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isAuditId } from '../../lib/records/keys.ts';
import { CommandError, EXIT, type ExitStatus } from '../exit.ts';
import { type OperatorFlags, operator, operatorCommand, stageFlag } from '../options.ts';
import { count, createOutput, oneLine } from '../output.ts';
import { createProgress } from '../progress.ts';

/** `verify <audit-or-folder>` */
export function addVerify(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(program, {
    name: 'verify',
    summary: 'check a downloaded folder offline, or every stored image of an audit',
    description:
      'Check a folder that "download" made: every file against SHA256SUMS, and SHA256SUMS against the manifest, without any connection. With --stage or --local, read every image of an audit from the images bucket and from the backup, and compare its SHA-256 with the manifest; then compare judgements and renditions with the images. Purged and expired images are listed, but are not damage, and neither are judgements of an older decoder.',
    args: [['<audit-or-folder>', 'a downloaded folder, or, with --stage or --local, the id of an audit']],
    backup: true,
    example:
      'npx weaudit verify evidence/occupations\n  npx weaudit verify 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
  }).action(async (audit: string, flags: OperatorFlags) => {
    if (!flags.stage && !flags.local) {
      if (await isFolder(audit)) {
        if (!(await verifyFolder(resolve(audit), flags))) end(EXIT.incomplete);
        return;
      }
      if (!isAuditId(audit))
        throw new CommandError(
          EXIT.usage,
          `There is no folder ${audit}, and no audit has this id. Pass a folder that "download" made, or the id of an audit with --stage <name> or --local.`,
        );
    }
    const { readManifest } = await import('../operator/manifest.ts');
    const { verifyAudit } = await import('../operator/verify.ts');
    const { adviceOn, describeFindings, isAllOk, isRestorable, summary } = await import(
      '../operator/findings.ts'
    );
    const { cloud, output } = await operator(flags);
    const manifest = await readManifest(cloud, audit);
    const progress = createProgress(output);
    const findings = await verifyAudit(cloud, manifest, progress).finally(() => progress.stop());
    const ok = isAllOk(findings);
    output.document({
      audit,
      ok,
      ...summary(findings),
      images: findings.images,
      records: findings.records,
      renditions: findings.renditions,
      faults: findings.faults,
      older: findings.older,
    });
    output.print(describeFindings(findings));
    const stage = stageFlag(flags, cloud);
    for (const advice of adviceOn(findings, audit, stage)) output.print(`\n${advice}`);
    if (isRestorable(findings))
      output.print(`\nTo restore what is missing or damaged: npx weaudit restore ${audit} ${stage}`);
    if (!ok) end(EXIT.incomplete);
  });
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/** @returns whether nothing is wrong with the folder */
async function verifyFolder(folder: string, { json }: OperatorFlags): Promise<boolean> {
  const { checkFolder } = await import('../download/check.ts');
  const output = createOutput(json ?? false);
  const progress = createProgress(output);
  const { files, problems, seal } = await checkFolder(folder, progress).finally(() => progress.stop());
  const ok = problems.length === 0;
  output.document({ folder, ok, files, problems, seal });
  for (const { file, problem } of problems) output.print(`${oneLine(file, 200)}: ${problem}`);
  output.print(
    ok
      ? `All ${count(files, 'file')} in ${folder} are as they were downloaded.`
      : `${count(problems.length, 'problem')} in ${folder}. "npx weaudit download <audit> ${folder}" restores what is missing or changed; remove what was added.`,
  );
  output.print(
    `SHA-256 of SHA256SUMS: ${seal}. A note of it elsewhere shows that the whole folder is the same.`,
  );
  return ok;
}
