import { type Command, Option } from 'commander';
import type { RaterLink, RoundEntry } from '../../lib/contract/answers.ts';
import { DESIGN, ROUND } from '../../lib/limits.ts';
import { QUESTIONS } from '../../lib/rounds/templates.ts';
import { confirm } from '../confirm.ts';
import { CommandError, EXIT } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand, repeated, yes } from '../options.ts';
import { count, oneLine, table } from '../output.ts';
import { describeRound, makeRound, type RoundFlags, readRoundRequest } from '../round.ts';
import { wholeNumber } from '../whole-number.ts';

const ROUND_EXAMPLE = '06dn7w3qk2v4x8y0zr5t1m9abc';

/** `round create`, `list`, `status`, `links`, `withdraw`, `forget`, `clear`, `close`, `delete` */
export function addRound(program: Command): void {
  const round = auditorCommand(program, {
    name: 'round',
    summary: 'have people rate pictures of finished audits',
    description:
      'List rating rounds, newest first. Subcommands make them, give their slots to raters, close and delete them. People answer questions about pictures of finished audits, and know neither model nor prompt.',
    example: 'npx weaudit round',
  }).action((flags: AuditorFlags) => list(undefined, flags));
  addCreate(round);
  addList(round);
  addStatus(round);
  addLinks(round);
  addWithdraw(round);
  addForget(round);
  addClear(round);
  addClose(round);
  addDelete(round);
}

interface CreateFlags extends AuditorFlags, RoundFlags {
  key?: string;
}

function addCreate(round: Command): void {
  auditorCommand(round, {
    name: 'create',
    summary: 'make a round',
    description:
      'Make a round from a file, from flags, or from both; flags win. The file is JSON, as the body of POST /api/rounds. It copies all pictures, and can be interrupted: the same command continues.',
    args: [['[file]', 'the round as JSON']],
    options: [
      new Option('--audit <id>', 'finished audit, repeatable').argParser(repeated),
      new Option('--name <text>', 'name of the round; raters do not see it'),
      new Option(
        '--question <id>',
        `question of the codebook, repeatable: ${QUESTIONS.map(({ id }) => id).join(', ')}`,
      ).argParser(repeated),
      new Option('--pictures <number>', 'pictures of each prompt and model (default: all)').argParser(
        wholeNumber(1, DESIGN.samples),
      ),
      new Option('--ratings <number>', 'raters of each picture (default: 3)').argParser(
        wholeNumber(1, ROUND.ratings),
      ),
      new Option('--slots <number>', 'raters at once (default: as many as ratings)').argParser(
        wholeNumber(1, ROUND.slots),
      ),
      new Option('--repeats <number>', 'pictures that each rater sees twice').argParser(
        wholeNumber(0, ROUND.repeats),
      ),
      new Option('--consent <text>', 'what raters agree to: purpose, contact, pay, hours'),
      new Option('--key <text>', 'make the same round again, as another one'),
    ],
    example: `npx weaudit round create --audit ${ROUND_EXAMPLE} --name "Occupations" --question gender-presentation --consent "…"`,
  }).action(async (file: string | undefined, flags: CreateFlags) => {
    const { client, output } = auditor(flags);
    const { url: _url, token: _token, config: _config, json: _json, key, ...members } = flags;
    const request = await readRoundRequest(file, members);
    const made = await makeRound(client, request, key, ({ copied, items }) =>
      output.say(`${copied} of ${count(items, 'picture')} copied`),
    );
    output.document(made);
    output.print(
      `Round ${made.id} has ${count(made.items, 'picture')}. Links for raters: npx weaudit round links ${made.id}`,
    );
  });
}

function addList(round: Command): void {
  auditorCommand(round, {
    name: 'list',
    summary: 'list rounds, newest first',
    description: 'List rounds, newest first: all, or those that show pictures of an audit.',
    args: [['[audit]', 'id of an audit']],
    example: 'npx weaudit round list',
  }).action(list);
}

async function list(audit: string | undefined, flags: AuditorFlags): Promise<void> {
  const { client, output } = auditor(flags);
  const rounds: RoundEntry[] = [];
  for await (const entry of client.rounds(audit)) rounds.push(entry);
  output.document(rounds);
  output.print(
    rounds.length === 0
      ? 'There are no rounds. Make one with "npx weaudit round create".'
      : table(
          ['id', 'created', 'by', 'state', 'pictures', 'ratings', 'slots', 'name'],
          rounds.map((one) => [
            one.id,
            `${one.createdAt.slice(0, 16).replace('T', ' ')}Z`,
            oneLine(one.createdBy, 20),
            ...[one.state, one.items, one.ratings, one.slots],
            oneLine(one.name, 50),
          ]),
        ),
  );
}

const ROUND_ARGUMENT: [string, string] = ['<round>', 'id of the round'];

function addStatus(round: Command): void {
  auditorCommand(round, {
    name: 'status',
    summary: 'show how far the raters are',
    description:
      'Show how far the raters of a round are. What they answer is not shown before the round is closed.',
    args: [ROUND_ARGUMENT],
    example: `npx weaudit round status ${ROUND_EXAMPLE}`,
  }).action(async (id: string, flags: AuditorFlags) => {
    const { client, output } = auditor(flags);
    const found = await client.round(id);
    output.document(found);
    output.print(describeRound(found));
  });
}

interface LinksFlags extends AuditorFlags {
  slot?: number;
  name?: string;
}

function addLinks(round: Command): void {
  auditorCommand(round, {
    name: 'links',
    summary: 'make links for raters',
    description:
      'Make a link for each slot that nobody has yet, or for one slot, whose rater is then replaced: the new one continues with what is left. A link is shown this once and opens nothing but its slot.',
    args: [ROUND_ARGUMENT],
    options: [
      new Option('--slot <number>', 'this slot alone').argParser(wholeNumber(1, ROUND.slots)),
      new Option('--name <text>', 'name of the rater or a note, apart from the labels; needs --slot'),
    ],
    example: `npx weaudit round links ${ROUND_EXAMPLE} --slot 2 --name "replaces Ann"`,
  }).action(async (id: string, { slot, name, ...flags }: LinksFlags) => {
    if (name !== undefined && slot === undefined)
      throw new CommandError(EXIT.usage, 'A name belongs to one rater: pass --slot, too.');
    const { client, output } = auditor(flags);
    const slots = slot === undefined ? await emptySlots(client, id) : [slot];
    const links: RaterLink[] = [];
    for (const one of slots) {
      const link = await client.giveSlot(id, { slot: one, ...(name === undefined ? {} : { name }) });
      links.push(link);
      // At once: a link that was made is shown, also if the next one cannot be.
      output.print(`slot ${link.slot}  ${new URL(link.url, client.url)}`);
    }
    output.document(links);
    if (links.length === 0)
      output.print('All slots have raters. To replace one: npx weaudit round links <round> --slot <number>');
  });
}

const emptySlots = async (
  client: { round: (id: string) => Promise<{ progress: { slot: number; raters: unknown[] }[] }> },
  id: string,
) => (await client.round(id)).progress.filter(({ raters }) => raters.length === 0).map(({ slot }) => slot);

interface WithdrawFlags extends AuditorFlags {
  slot: number;
  generation?: number;
  yes?: boolean;
}

function addWithdraw(round: Command): void {
  auditorCommand(round, {
    name: 'withdraw',
    summary: 'exclude the labels of a rater',
    description:
      'Exclude the labels of the rater who has a slot, because the rater asks for it. The name is forgotten, and the pictures are shown to the next rater of the slot.',
    args: [ROUND_ARGUMENT],
    options: [
      new Option('--slot <number>', 'slot of the rater')
        .argParser(wholeNumber(1, ROUND.slots))
        .makeOptionMandatory(),
      new Option(
        '--generation <number>',
        'that of an earlier rater of the slot: 1 for the first one (default: the last one)',
      ).argParser(wholeNumber(1, 999_999)),
      yes(),
    ],
    example: `npx weaudit round withdraw ${ROUND_EXAMPLE} --slot 2`,
  }).action(async (id: string, { slot, generation, yes, ...flags }: WithdrawFlags) => {
    const { client, output } = auditor(flags);
    await confirm(
      `This excludes all labels of ${generation === undefined ? 'the rater' : `rater ${generation}`} of slot ${slot} for good.`,
      'withdraw',
      yes ?? false,
    );
    await client.withdrawRater(id, slot, generation);
    output.document({ id, slot, ...(generation === undefined ? {} : { generation }), state: 'withdrawn' });
    output.print(
      `The rater of slot ${slot} has withdrawn. While the round is open, another one can continue: npx weaudit round links ${id} --slot ${slot}`,
    );
  });
}

function addForget(round: Command): void {
  auditorCommand(round, {
    name: 'forget',
    summary: 'forget the names of all raters',
    description:
      'Forget the names and notes of all raters of a round. Their labels stay, under slots and numbers.',
    args: [ROUND_ARGUMENT],
    options: [yes()],
    example: `npx weaudit round forget ${ROUND_EXAMPLE}`,
  }).action(async (id: string, { yes, ...flags }: AuditorFlags & { yes?: boolean }) => {
    const { client, output } = auditor(flags);
    await confirm('This forgets the names of all raters for good.', 'forget', yes ?? false);
    await client.forgetNames(id);
    output.document({ id, names: 0 });
    output.print(`The names of the raters of round ${id} are forgotten.`);
  });
}

function addClear(round: Command): void {
  auditorCommand(round, {
    name: 'clear',
    summary: 'show a reported picture again',
    description:
      'Show raters a picture again that one of them reported, because it was reported by mistake. Later reports of it hide nothing.',
    args: [ROUND_ARGUMENT, ['<image>', '<audit>/<cell>/<index>, as "round status" lists it']],
    example: `npx weaudit round clear ${ROUND_EXAMPLE} 7ybqs5wgyjept3mx0ka6k1t6az/00017/0`,
  }).action(async (id: string, image: string, flags: AuditorFlags) => {
    const { client, output } = auditor(flags);
    await client.clearReport(id, image);
    output.document({ image, state: 'shown' });
    output.print(`Raters of round ${id} are shown ${image} again.`);
  });
}

function addClose(round: Command): void {
  auditorCommand(round, {
    name: 'close',
    summary: 'close a round for good',
    description:
      'Close a round for good: it takes no answers any more. A minute later its labels can be counted.',
    args: [ROUND_ARGUMENT],
    options: [yes()],
    example: `npx weaudit round close ${ROUND_EXAMPLE}`,
  }).action(async (id: string, { yes, ...flags }: AuditorFlags & { yes?: boolean }) => {
    const { client, output } = auditor(flags);
    const { name } = await client.round(id);
    await confirm(`This closes "${oneLine(name)}" for good, for all raters.`, 'close', yes ?? false);
    await client.closeRound(id);
    output.document({ id, state: 'closed' });
    output.print(`Round ${id} is closed. Its labels can be counted in a minute.`);
  });
}

function addDelete(round: Command): void {
  auditorCommand(round, {
    name: 'delete',
    summary: 'delete a round with its labels',
    description:
      'Delete a round with its labels, for everyone, also one whose pictures are not all copied. The backup keeps copies of the labels until they expire.',
    args: [ROUND_ARGUMENT],
    options: [yes()],
    example: `npx weaudit round delete ${ROUND_EXAMPLE} --yes`,
  }).action(async (id: string, { yes, ...flags }: AuditorFlags & { yes?: boolean }) => {
    const { client, output } = auditor(flags);
    await confirm(`This deletes the round ${id} with its labels for everyone.`, 'delete', yes ?? false);
    await client.deleteRound(id);
    output.document({ id, state: 'deleting' });
    output.print(`Round ${id} is being deleted. The backup keeps copies of its labels until they expire.`);
  });
}
