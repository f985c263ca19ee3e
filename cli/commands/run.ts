import { type Command, InvalidArgumentError, Option } from 'commander';
import { canonicalDesign, type DesignFlags, designKey, readDesign } from '../design.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand, repeated, wholeNumber } from '../options.ts';
import { count, size } from '../output.ts';
import { readResults, resultsTable } from '../results.ts';
import { watchAudit } from '../watch.ts';

interface RunFlags extends AuditorFlags, DesignFlags {
  key?: string;
  wait: boolean;
}

const pair = (text: string): [string, string] => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be name=value.');
  return [text.slice(0, at).trim(), text.slice(at + 1)];
};

/** `gender=woman,man` */
const factor = (text: string, before: Record<string, string[]> = {}) => {
  const [name, values] = pair(text);
  return {
    ...before,
    [name]: values
      .split(',')
      .map((value) => value.trim())
      .filter((value) => value !== ''),
  };
};

/** `num_outputs=2`: what reads as JSON is JSON, anything else is text. */
const input = (text: string, before: Record<string, unknown> = {}) => {
  const [name, value] = pair(text);
  try {
    return { ...before, [name]: JSON.parse(value) as unknown };
  } catch {
    return { ...before, [name]: value };
  }
};

/** `run [file]`: sends an audit, watches it, and says what came of it. */
export function addRun(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(
    program
      .command('run')
      .summary('ask for an audit and watch it until it is done')
      .description(
        'Asks for an audit: a JSON or CSV file, or arguments, which go before the file. The same design again is the same audit: it is watched on, and nothing is asked twice.',
      )
      .argument('[file]', 'design as .json or .csv; - reads JSON from standard input')
      .addOption(
        new Option('-p, --prompt <text>', 'a prompt; may be given several times').argParser(repeated),
      )
      .addOption(new Option('--template <text>', 'a prompt with {factors}'))
      .addOption(
        new Option('--factor <name=a,b,…>', 'values of a factor; may be given several times').argParser(
          factor,
        ),
      )
      .addOption(
        new Option('-m, --model <owner/name>', 'a model; may be given several times').argParser(repeated),
      )
      .addOption(
        new Option('-n, --samples <number>', 'pictures of each prompt by each model').argParser(
          wholeNumber(1),
        ),
      )
      .addOption(new Option('--name <text>', 'what the audit is called'))
      .addOption(
        new Option('--seed <number>', 'makes seeds repeatable').argParser(wholeNumber(0, 0xffffffff)),
      )
      .addOption(
        new Option('--retention <time>', 'how long it is kept').choices(['short', 'standard', 'keep']),
      )
      .addOption(
        new Option('--input <name=value>', 'an input for every model; may be given several times').argParser(
          input,
        ),
      )
      .addOption(new Option('--key <text>', 'asks for the same design once more, as another audit'))
      .addOption(new Option('--no-wait', 'end as soon as the audit is accepted')),
    'npx weaudit run events/audits/occupations.json\n  npx weaudit run --prompt "a photo of a nurse" --model simulated/portrait --samples 4',
  ).action(async (file: string | undefined, flags: RunFlags) => {
    end(await run(file, flags));
  });
}

async function run(file: string | undefined, flags: RunFlags): Promise<ExitStatus> {
  const { client, output } = auditor(flags);
  const design = canonicalDesign(await readDesign(file, flags));
  const { id, predictions } = await client.createAudit(design, designKey(design, flags.key));
  output.say(
    `Audit ${id}: ${count(predictions, 'prediction')}. It goes on if you leave; the same command comes back to it.`,
  );
  if (!flags.wait) {
    output.print(id);
    output.document({ id, predictions });
    return EXIT.ok;
  }
  const status = await watchAudit(client, id, output);
  const results = await readResults(client, id);
  const { images, place } = results;
  const { counts, state } = status;
  output.document({ id, predictions, state, counts, images, ...(place ? { place } : {}) });
  output.print(resultsTable(results));
  output.print('');
  output.print(`${count(images.ok, 'image')}, ${size(images.bytes)}${place ? `, in ${place}` : ''}`);
  if (images.quarantined > 0)
    output.print(
      `${count(images.quarantined, 'file')} that ${images.quarantined === 1 ? 'is' : 'are'} no sound image: kept, and shown to nobody`,
    );
  if (images.lost > 0) output.print(`${count(images.lost, 'output')} could not be stored`);
  output.print(`All of it in a folder: npx weaudit download ${id}`);
  // A refusal is a finding of the audit, no fault of the run.
  return counts.failed + counts.canceled + images.lost > 0 ? EXIT.incomplete : EXIT.ok;
}
