import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type OperatorFlags, operator, operatorCommand } from '../options.ts';

/** `reread <audit>` */
export function addReread(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(program, {
    name: 'reread',
    summary: "read the models' words again with the current rules",
    description:
      'Read what the models of an audit said (errors, logs, captions) again with the current rules, and list the results whose status, filter count or seed would change. Nothing is written.',
    args: [['<audit>', 'id of the audit']],
    example: 'npx weaudit reread 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
  }).action(async (audit: string, flags: OperatorFlags) => {
    const { describeRereading, rereadAudit } = await import('../operator/reread.ts');
    const { cloud, output } = await operator(flags);
    const reading = await rereadAudit(cloud.images, audit);
    output.document(reading);
    output.print(describeRereading(reading));
    if (reading.changed.length > 0) end(EXIT.incomplete);
  });
}
