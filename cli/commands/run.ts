import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AcceptedAudit } from '../../lib/contract/answers.ts';
import { DESIGN, RETENTIONS } from '../../lib/limits.ts';
import { studyId } from '../../lib/records/keys.ts';
import type { ApiClient } from '../api-client.ts';
import { type DesignBody, type DesignFlags, designKey, readDesign } from '../design.ts';
import { dollars } from '../dollars.ts';
import { CommandError, EXIT, type ExitStatus } from '../exit.ts';
import { type AuditorFlags, auditor, auditorCommand, repeated } from '../options.ts';
import { count, type Output, oneLine } from '../output.ts';
import { requireOne, splitDesign } from '../split.ts';
import { addToStudy } from '../study.ts';
import { watchToEnd } from '../watch-to-end.ts';
import { wholeNumber } from '../whole-number.ts';

interface RunFlags extends AuditorFlags, DesignFlags {
  key?: string;
  /** The name of a study. */
  study?: string;
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
  auditorCommand(program, {
    name: 'run',
    summary: 'start an audit and watch it until it finishes',
    description:
      'Start an audit from a file or from flags (flags win) and watch it until it finishes. The same design resumes the existing audit; nothing is requested twice.',
    args: [['[file]', 'design as .csv, .tsv, .txt or .json; - reads standard input']],
    options: [
      new Option(
        '--encoding <name>',
        'how to read a file that is not UTF-8, such as windows-1252, macintosh or shift_jis',
      ),
      new Option('-p, --prompt <text>', 'prompt (repeatable)').argParser(repeated),
      new Option('--template <text>', 'prompt with {factors}'),
      new Option('--factor <name=a,b,…>', 'values of a factor (repeatable)').argParser(factor),
      new Option('-m, --model <owner/name>', 'model (repeatable)').argParser(repeated),
      new Option('-n, --samples <number>', 'samples of each prompt by each model (default: 1)').argParser(
        wholeNumber(1, DESIGN.samples),
      ),
      new Option('--name <text>', 'name of the audit'),
      new Option('--seed <number>', 'number from which the seeds of all samples are derived').argParser(
        wholeNumber(0, DESIGN.seed),
      ),
      new Option(
        '--compare <factor>',
        'factor that is contrasted: prompts that differ in it alone share seeds (repeatable)',
      ).argParser(repeated),
      new Option('--reference <factor>', 'factor whose values are numbers to hold the results against'),
      new Option('--retention <time>', 'how long to keep the audit').choices(RETENTIONS),
      new Option('--input <name=value>', 'input for every model (repeatable)').argParser(input),
      new Option(
        '--max-cost <dollars>',
        'most that the audit may cost; needed for models whose price is not known',
      ).argParser(dollars),
      new Option(
        '--dry-run',
        'show the plan: predictions, cost, time, certainty, factors, first prompts; start nothing',
      ),
      new Option('--key <text>', 'run the same design again as a new audit'),
      new Option(
        '--study <name>',
        'add the audit to the study of this name, which is created if there is none. A design that is too large for one audit becomes several, which are watched as one',
      ),
      new Option('--no-wait', 'exit as soon as the audit is accepted'),
    ],
    example:
      'npx weaudit run events/audits/occupations.json\n  npx weaudit run --prompt "a photo of a nurse" --model simulated/portrait --samples 4',
  }).action(async (file: string | undefined, flags: RunFlags) => {
    end(await run(file, flags));
  });
}

async function run(file: string | undefined, flags: RunFlags): Promise<ExitStatus> {
  const { client, output } = auditor(flags);
  const { design, notes } = await readDesign(file, flags);
  const parts = splitDesign(design, flags.key);
  if (flags.study === undefined) requireOne(parts);
  else if (flags.key !== undefined && design.seed !== undefined)
    throw new CommandError(
      EXIT.usage,
      'The design names a seed, so another --key gives the same pictures again, and the study would count them twice. Omit the seed to get fresh samples. Nothing was started.',
    );
  if (flags.dryRun) {
    const { describeDryRun, describeDryRuns, dryRun, dryRuns } = await import('../dry-run.ts');
    const budget = await client.budget();
    if (parts.length > 1) {
      const found = dryRuns(parts, budget, notes);
      output.document(found);
      output.print(describeDryRuns(found));
      return found.refusal === null ? EXIT.ok : EXIT.refused;
    }
    const found = dryRun(design, budget, notes);
    output.document(found);
    output.print(describeDryRun(found));
    return found.refusal === null ? EXIT.ok : EXIT.refused;
  }
  for (const note of notes) output.say(note);
  const accepted = await startAudits(client, parts, flags, output);
  const audits = accepted.map(({ id }) => id);
  const predictions = accepted.reduce((sum, audit) => sum + audit.predictions, 0);
  const merged = accepted.reduce((sum, audit) => sum + (audit.merged ?? 0), 0);
  if (merged) output.say(`${count(merged, 'prompt')} left out, because the design has them twice.`);
  const [audit = ''] = audits;
  const isOne = audits.length === 1;
  const identity = {
    ...(flags.study === undefined ? {} : { study: studyId(flags.study) }),
    ...(isOne ? { id: audit } : { audits }),
    predictions,
    ...(merged ? { merged } : {}),
    ...(notes.length > 0 ? { notes } : {}),
  };
  if (!flags.wait) {
    output.print(audits.join('\n'));
    output.document(identity);
    return EXIT.ok;
  }
  return watchToEnd(client, audits, output, {
    whole: isOne ? audit : studyId(flags.study ?? ''),
    about: identity,
  });
}

/**
 * Starts the audits that a design becomes, and adds each to the study before the next is started. If the command dies, the
 * same command finds those that it started, by their keys, and continues.
 * @throws {CommandError} if an audit is refused, or the study has no room
 */
async function startAudits(
  client: ApiClient,
  parts: DesignBody[],
  { study, key }: RunFlags,
  output: Output,
): Promise<AcceptedAudit[]> {
  if (study !== undefined) {
    // First: a name or a token that is refused starts nothing.
    await client.addToStudy(study);
  }
  const accepted: AcceptedAudit[] = [];
  for (const part of parts) {
    const audit = await client.createAudit(part, designKey(part, key)).catch((error: unknown) => {
      if (!(error instanceof CommandError) || accepted.length === 0) throw error;
      throw new CommandError(
        error.status,
        `${accepted.length} of ${parts.length} audits were started, and keep running. The next one was not: ${error.message} Run the same command again to start the rest.`,
      );
    });
    accepted.push(audit);
    output.say(
      `Audit ${audit.id}: ${count(audit.predictions, 'prediction')}${parts.length > 1 ? ` (${accepted.length} of ${parts.length} audits)` : ''}.`,
    );
    if (study !== undefined) await addToStudy(client, study, audit.id);
  }
  if (study !== undefined) output.say(`Study ${studyId(study)}: ${oneLine(study)}.`);
  return accepted;
}
