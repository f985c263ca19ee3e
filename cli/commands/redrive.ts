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

type Outcome = 'sent back' | 'left' | `not sent: ${string}`;

/** `redrive [kind]`: dead letters, why they are there, and back to where they failed. */
export function addRedrive(program: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(
    program
      .command('redrive')
      .summary('list dead letters and send them back')
      .description(
        'Lists dead letters with their reason and sends them back to where they failed: cells to the queue, events to their function. Doing a thing twice is harmless here, so that sending back always is.',
      )
      .addArgument(new Argument('[kind]', 'one kind only').choices(DEAD_LETTER_KINDS))
      .addOption(new Option('--list', 'list them only')),
    'npx weaudit redrive --stage prod --list\n  npx weaudit redrive cells --stage prod',
  ).action(async (kind: DeadLetterKind | undefined, flags: RedriveFlags) => {
    const { createRedrive, readDeadLetters, release } = await import('../operator/dead-letters.ts');
    const { cloud, output } = await operator(flags);
    const redrive = createRedrive(cloud);
    const done: { letter: DeadLetter; outcome: Outcome }[] = [];
    const left: DeadLetter[] = [];
    for (const one of kind ? [kind] : DEAD_LETTER_KINDS)
      for await (const letter of readDeadLetters(cloud, one)) {
        const outcome = flags.list ? 'left' : await send(redrive, letter);
        if (outcome !== 'sent back') left.push(letter);
        done.push({ letter, outcome });
      }
    for (const one of DEAD_LETTER_KINDS)
      await release(
        cloud,
        left.filter((letter) => letter.kind === one),
      );
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
    const sent = done.length - left.length;
    if (done.length > 0 && !flags.list)
      output.print(`\n${count(sent, 'letter')} sent back, ${left.length} left.`);
    if (left.length > 0 && !flags.list) end(EXIT.incomplete);
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
