import { type Command, InvalidArgumentError, Option } from 'commander';
import { DESIGN, RETENTIONS } from '../../lib/limits.ts';
import { canonicalDesign, type DesignFlags, designKey, readDesign } from '../design.ts';
import { dollars } from '../dollars.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand, repeated } from '../options.ts';
import { count, size } from '../output.ts';
import { readResults, resultsTable } from '../results.ts';
import { describeImages, describeNoPictures, watchAudit } from '../watch.ts';
import { wholeNumber } from '../whole-number.ts';

interface RunFlags extends AuditorFlags, DesignFlags {
  key?: string;
  wait: boolean;
  dryRun?: boolean;
}

const pair = (text: string): [string, string] => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Expected name=value.');
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

/** `num_outputs=2`: the value is JSON if it parses as JSON, else text. */
const input = (text: string, before: Record<string, unknown> = {}) => {
  const [name, value] = pair(text);
  try {
    return { ...before, [name]: JSON.parse(value) as unknown };
  } catch {
    return { ...before, [name]: value };
  }
};

/** `run [file]` */
export function addRun(program: Command, end: (status: ExitStatus) => void): void {
  auditorCommand(
    program
      .command('run')
      .summary('start an audit and watch it until it finishes')
      .description(
        'Start an audit from a file or from flags (flags win) and watch it until it finishes. The same design resumes the existing audit; nothing is requested twice.',
      )
      .argument('[file]', 'design as .csv, .tsv, .txt or .json; - reads standard input')
      .addOption(
        new Option(
          '--encoding <name>',
          'how to read a file that is not UTF-8, such as windows-1252, macintosh or shift_jis',
        ),
      )
      .addOption(new Option('-p, --prompt <text>', 'prompt (repeatable)').argParser(repeated))
      .addOption(new Option('--template <text>', 'prompt with {factors}'))
      .addOption(new Option('--factor <name=a,b,…>', 'values of a factor (repeatable)').argParser(factor))
      .addOption(new Option('-m, --model <owner/name>', 'model (repeatable)').argParser(repeated))
      .addOption(
        new Option('-n, --samples <number>', 'samples of each prompt by each model (default: 1)').argParser(
          wholeNumber(1, DESIGN.samples),
        ),
      )
      .addOption(new Option('--name <text>', 'name of the audit'))
      .addOption(
        new Option('--seed <number>', 'number from which the seeds of all samples are derived').argParser(
          wholeNumber(0, DESIGN.seed),
        ),
      )
      .addOption(
        new Option(
          '--compare <factor>',
          'factor that is contrasted: prompts that differ in it alone share seeds (repeatable)',
        ).argParser(repeated),
      )
      .addOption(
        new Option('--reference <factor>', 'factor whose values are numbers to hold the results against'),
      )
      .addOption(new Option('--retention <time>', 'how long to keep the audit').choices(RETENTIONS))
      .addOption(new Option('--input <name=value>', 'input for every model (repeatable)').argParser(input))
      .addOption(
        new Option(
          '--max-cost <dollars>',
          'most that the audit may cost; needed for models whose price is not known',
        ).argParser(dollars),
      )
      .addOption(
        new Option(
          '--dry-run',
          'show the plan: predictions, cost, time, certainty, factors, first prompts; start nothing',
        ),
      )
      .addOption(new Option('--key <text>', 'run the same design again as a new audit'))
      .addOption(new Option('--no-wait', 'exit as soon as the audit is accepted')),
    'npx weaudit run events/audits/occupations.json\n  npx weaudit run --prompt "a photo of a nurse" --model simulated/portrait --samples 4',
  ).action(async (file: string | undefined, flags: RunFlags) => {
    end(await run(file, flags));
  });
}

async function run(file: string | undefined, flags: RunFlags): Promise<ExitStatus> {
  const { client, output } = auditor(flags);
  const { design: read, notes } = await readDesign(file, flags);
  const design = canonicalDesign(read);
  if (flags.dryRun) {
    const { describeDryRun, dryRun } = await import('../dry-run.ts');
    const found = dryRun(design, await client.budget(), notes);
    output.document(found);
    output.print(describeDryRun(found));
    return found.refusal === null ? EXIT.ok : EXIT.refused;
  }
  for (const note of notes) output.say(note);
  const { id, predictions, merged } = await client.createAudit(design, designKey(design, flags.key));
  output.say(`Audit ${id}: ${count(predictions, 'prediction')}.`);
  if (merged) output.say(`${count(merged, 'prompt')} left out, because the design has them twice.`);
  const accepted = {
    ...{ id, predictions },
    ...(merged ? { merged } : {}),
    ...(notes.length > 0 ? { notes } : {}),
  };
  if (!flags.wait) {
    output.print(id);
    output.document(accepted);
    return EXIT.ok;
  }
  const status = await watchAudit(client, id, output);
  const results = await readResults(client, [id]);
  const { images, place } = results;
  const { counts, state } = status;
  output.document({ ...accepted, ...{ state, counts, images }, ...(place ? { place } : {}) });
  output.print(resultsTable(results));
  output.print('');
  output.print(`${describeImages(images)}, ${size(images.bytes)}${place ? `, in ${place}` : ''}`);
  if (describeNoPictures(images))
    output.print('The manifest says why each that was returned is no picture, and how many were filtered.');
  if (images.pending > 0)
    output.print(
      `${count(images.pending, 'image')} not judged yet; "npx weaudit status ${id}" counts them when they are.`,
    );
  output.print(`Download everything: npx weaudit download ${id}`);
  // A refusal is a finding of the audit, not a failure.
  return counts.failed + counts.canceled + images.lost > 0 ? EXIT.incomplete : EXIT.ok;
}
