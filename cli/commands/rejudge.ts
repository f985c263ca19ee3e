import type { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type OperatorFlags, operator, operatorCommand, stageFlag, yes } from '../options.ts';
import { count } from '../output.ts';
import { createProgress } from '../progress.ts';

interface RejudgeFlags extends OperatorFlags {
  yes?: boolean;
}

/** `rejudge <audit>` */
export function addRejudge(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(program, {
    name: 'rejudge',
    summary: 'judge the images of an older audit with the present decoder',
    description:
      'Have tag judge again the images of an audit that no decoder has judged, or an older version of it, or one that ran out of time or memory, and make missing renditions. Says first how many images that are and what it costs. Images and manifest are not changed. Interrupt it at any time; the same command continues.',
    args: [['<audit>', 'id of the audit']],
    options: [yes()],
    example: 'npx weaudit rejudge 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
  }).action(async (audit: string, flags: RejudgeFlags) => {
    const { carryOutRejudge, describeRejudged, describeRejudgePlan, describeUnanswered, findRejudge } =
      await import('../operator/rejudge.ts');
    const { explainSilence } = await import('../operator/judging.ts');
    const { cloud, output } = await operator(flags);
    const { images } = cloud;
    const finding = createProgress(output);
    const plan = await findRejudge(images, audit, finding).finally(() => finding.stop());
    if (plan.toJudge > 0) {
      output.say(describeRejudgePlan(plan));
      await confirm('This has tag judge them again.', 'rejudge', flags.yes ?? false);
    }
    const progress = createProgress(output);
    const done = await carryOutRejudge(images, plan, progress).finally(() => progress.stop());
    output.document(done);
    output.print(
      plan.toJudge === 0
        ? `Nothing to judge again: the present decoder has judged ${count(plan.images, 'image')}.`
        : describeRejudged(done),
    );
    if (done.unanswered > 0) {
      output.complain(explainSilence(describeUnanswered(done), stageFlag(flags, cloud)));
      end(EXIT.unavailable);
    }
  });
}
