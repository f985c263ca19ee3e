import { readFile } from 'node:fs/promises';
import type { AcceptedRound, Round } from '../lib/contract/answers.ts';
import type { RoundRequest } from '../lib/contract/round-request.ts';
import { codebookOf, QUESTIONS } from '../lib/rounds/templates.ts';
import type { ApiClient } from './api-client.ts';
import { designKey } from './design.ts';
import { CommandError, EXIT } from './exit.ts';
import { count, oneLine, table } from './output.ts';

/** Members of a round that flags name; each wins over the file. */
export interface RoundFlags {
  audit?: string[];
  name?: string;
  question?: string[];
  pictures?: number;
  ratings?: number;
  slots?: number;
  repeats?: number;
  consent?: string;
}

/**
 * The body of `POST /api/rounds`, from a file and flags. The API checks it.
 * @throws {CommandError} for a file that cannot be read, a question that there is not, and what neither says
 */
export async function readRoundRequest(file: string | undefined, flags: RoundFlags): Promise<RoundRequest> {
  const { audit, question, ...members } = flags;
  const given = file === undefined ? {} : await readJson(file);
  const request: Partial<RoundRequest> = {
    ...given,
    ...members,
    ...(audit ? { audits: audit } : {}),
    ...(question ? { codebook: codebookFrom(question) } : {}),
  };
  const missing = Object.entries(REQUIRED).filter(([member]) => !(member in request));
  if (missing.length > 0)
    throw new CommandError(
      EXIT.usage,
      `A round needs ${missing.map(([member, flag]) => `${flag} (in a file "${member}")`).join(', ')}. All flags and an example: npx weaudit round create --help`,
    );
  return request as RoundRequest;
}

/** What every round has, and the flag that gives it. */
const REQUIRED = { audits: '--audit', name: '--name', codebook: '--question', consent: '--consent' };

async function readJson(file: string): Promise<object> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new Error('it holds no object');
  } catch (error) {
    throw new CommandError(
      EXIT.usage,
      `${file} cannot be read as a round: ${(error as Error).message}. It must be JSON, as the body of POST /api/rounds.`,
    );
  }
}

function codebookFrom(ids: readonly string[]) {
  const known = QUESTIONS.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined)
    throw new CommandError(EXIT.usage, `There is no question "${unknown}". Known: ${known.join(', ')}.`);
  return codebookOf('Perceived in the picture', ids);
}

/**
 * Makes a round: repeats the request until all pictures are copied. Run again, it finds the same round.
 * @param label tells rounds with the same request apart
 */
export async function makeRound(
  client: Pick<ApiClient, 'createRound'>,
  request: RoundRequest,
  label: string | undefined,
  onProgress: (copied: AcceptedRound) => void,
): Promise<AcceptedRound> {
  for (;;) {
    const accepted = await client.createRound(request, designKey(request, label));
    if (accepted.state === 'open') return accepted;
    onProgress(accepted);
  }
}

/** A round as lines for people. */
export function describeRound(round: Round): string {
  const { id, name, state, items, ratings, progress, reported, snapshot } = round;
  const rows = progress.map(({ slot, total, raters }) => {
    const rater = raters.at(-1);
    const done = raters.reduce((sum, one) => sum + (one.withdrawn ? 0 : one.answered), 0);
    const skipped = raters.reduce((sum, one) => sum + (one.withdrawn ? 0 : one.skipped), 0);
    const who = rater ? oneLine(rater.name ?? rater.pseudonym, 30) : 'nobody yet';
    const state = rater?.withdrawn
      ? 'withdrawn'
      : rater?.agreedAt
        ? `agreed ${rater.agreedAt.slice(0, 10)}`
        : '';
    return [slot, who, state, `${done} of ${total}`, skipped];
  });
  return [
    `${oneLine(name)} (${id})`,
    `${state}${snapshot ? ', counted' : ''}: ${count(items, 'picture')}, ${count(ratings, 'rating')} each`,
    ...(reported.length > 0 ? [`hidden: ${reported.join(', ')}`] : []),
    table(['slot', 'rater', '', 'rated', 'skipped'], rows),
  ].join('\n');
}
