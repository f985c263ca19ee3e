import { Argument, type Command, Option } from 'commander';
import { EXIT, type ExitStatus } from '../exit.ts';
import type { DeadLetter } from '../operator/dead-letters.ts';
import { explainAwsError } from '../operator/faults.ts';
import { DEAD_LETTER_KINDS, type DeadLetterKind } from '../operator/kinds.ts';
import { type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { count, oneLine, table } from '../output.ts';

interface RedriveFlags extends OperatorFlags {
  list?: boolean;
}

type Outcome = 'sent back' | 'kept' | `not sent: ${string}`;

/** `redrive [kind]` */
export function addRedrive(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(program, {
    name: 'redrive',
    summary: 'list dead letters and send them back',
    description:
      'List dead letters with their reasons and send them back to where they failed: ranges of cells to their queue, events to their function. Redriving is always safe: handlers are idempotent.',
    args: [new Argument('[kind]', 'redrive one kind only').choices(DEAD_LETTER_KINDS)],
    options: [new Option('--list', 'list only; send nothing back')],
    example: 'npx weaudit redrive --stage prod --list\n  npx weaudit redrive cells --stage prod',
  }).action(async (kind: DeadLetterKind | undefined, flags: RedriveFlags) => {
    const { createRedrive, readDeadLetters, release } = await import('../operator/dead-letters.ts');
    const { cloud, output } = await operator(flags);
    const redrive = createRedrive(cloud);
    // A queue counts as empty after a second without a message; all queues are read at the same time.
    const perKind = await Promise.all(
      (kind ? [kind] : DEAD_LETTER_KINDS).map(async (one) => {
        const letters: { letter: DeadLetter; outcome: Outcome }[] = [];
        for await (const letter of readDeadLetters(cloud, one))
          letters.push({ letter, outcome: flags.list ? 'kept' : await send(redrive, letter) });
        const kept = letters.filter(({ outcome }) => outcome !== 'sent back');
        await release(
          cloud,
          kept.map(({ letter }) => letter),
        );
        return letters;
      }),
    );
    const done = perKind.flat();
    const remaining = done.filter(({ outcome }) => outcome !== 'sent back');
    output.document(
      done.map(({ letter: { kind, id, sentAt, about, reason }, outcome }) => ({
        kind,
        id,
        sentAt,
        about,
        reason,
        outcome,
      })),
    );
    output.print(
      done.length === 0
        ? 'There are no dead letters.'
        : table(
            ['kind', 'since', 'about', 'reason', 'outcome'],
            done.map(({ letter, outcome }) => [
              letter.kind,
              `${letter.sentAt.slice(0, 16)}Z`,
              oneLine(letter.about, 70),
              oneLine(letter.reason, 100),
              oneLine(outcome, 60),
            ]),
          ),
    );
    const sent = done.length - remaining.length;
    if (done.length > 0 && !flags.list)
      output.print(`\n${count(sent, 'dead letter')} sent back, ${remaining.length} kept.`);
    if (remaining.length > 0 && !flags.list) end(EXIT.incomplete);
  });
}

async function send(redrive: (letter: DeadLetter) => Promise<void>, letter: DeadLetter): Promise<Outcome> {
  try {
    await redrive(letter);
    return 'sent back';
  } catch (error) {
    return `not sent: ${(explainAwsError(error) ?? (error as Error)).message}`;
  }
}
