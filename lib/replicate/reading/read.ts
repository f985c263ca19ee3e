import { cleaner, PROMPT } from './clean.ts';
import { readFiltered } from './filtered.ts';
import { type RefusalReading, readRefusal } from './refusals.ts';
import { isSeedName, readSeed, type SeedReading } from './seeds.ts';
import { TELLING } from './telling.ts';

/**
 * Version of the rules in this folder. Raise it with every change of a rule: a result keeps the version that read it,
 * and `weaudit reread` lists what the current version would change.
 */
export const RULES = 2;

/** What a model said, as the result keeps it. */
export interface Answer {
  error: string | null;
  logs: string | null;
  /** The output without the addresses of files. */
  said: unknown;
}

export interface Question {
  /** Inputs as sent, and as Replicate repeats them. Words from them are not evidence. */
  inputs: unknown[];
  /** Images that were requested, and that came back. */
  asked: number;
  returned: number;
  /** Whether to look for a refusal: there is no image, and the prediction was not canceled. */
  imageless: boolean;
}

/** What the rules read from a model's words, with these words. A member is absent if the model did not mention it. */
export interface Reading {
  rules: number;
  refusal?: RefusalReading;
  /** Never more than were requested. */
  filtered?: { count: number; words: string };
  seed?: SeedReading;
}

/** Errors without a reason. The reason may be in the log. */
const NO_REASON =
  /^[^\p{L}]*(?:(?:the )?(?:prediction|model|generation|task)?\s*(?:error|failed|failure|was unsuccessful)|unknown error|none|null|[^\n]{0,40}unknown reason)?[^\p{L}\p{N}]*$/iu;
const MAX_STRINGS = 200;
const MAX_STRING = 20_000;

/** Reads what a model said. A pure function, so that a reading can be repeated. */
export function readAnswer(answer: Answer, { inputs, asked, returned, imageless }: Question): Reading {
  const clean = cleaner(stringsIn(inputs));
  const error = clean(answer.error ?? '', false);
  const isTelling = imageless || TELLING.test(answer.logs ?? '');
  const logs = isTelling ? clean(answer.logs ?? '', true) : '';
  const facts = namedIn(answer.said);
  const said = () => stringsIn(answer.said).map((text) => clean(text, false));
  const refusal = imageless ? refusalIn(error, said, logs) : undefined;
  const filtered = readFiltered([logs, ...(refusal ? [error] : [])].join('\n'), facts);
  const seed = readSeed([logs, ...facts].join('\n'), Math.max(asked, returned));
  return {
    rules: RULES,
    ...(refusal ? { refusal: { ...refusal, words: shown(refusal.words) } } : {}),
    ...(filtered
      ? { filtered: { count: Math.min(filtered.count, asked), words: shown(filtered.words) } }
      : {}),
    ...(seed ? { seed: { ...seed, words: shown(seed.words) } } : {}),
  };
}

const shown = (words: string): string => words.replaceAll(PROMPT, '…');

function refusalIn(error: string, said: () => string[], logs: string): RefusalReading | undefined {
  if (!NO_REASON.test(error)) return readRefusal(error);
  for (const text of [...said(), ...logs.split('\n').reverse()]) {
    const refusal = readRefusal(text, false);
    if (refusal) return refusal;
  }
  return undefined;
}

/** All texts in a value, at any depth, without numbers and addresses. */
function stringsIn(value: unknown): string[] {
  const strings: string[] = [];
  const queue: unknown[] = [value];
  for (let i = 0; i < queue.length && strings.length < MAX_STRINGS; i++) {
    const next = queue[i];
    if (typeof next === 'string') {
      if (/\p{L}/u.test(next) && !/^(?:https?:\/\/|data:)\S*$/i.test(next))
        strings.push(next.slice(0, MAX_STRING));
    } else if (typeof next === 'object' && next !== null)
      queue.push(...Object.values(next).slice(0, MAX_STRINGS));
  }
  return strings;
}

/** Numbers and flags of an output by name, as lines of a log: `seed: 5`, `has_nsfw_concepts: [true,false]`. */
function namedIn(value: unknown, depth = 0): string[] {
  if (typeof value !== 'object' || value === null || depth > 10) return [];
  return Object.entries(value)
    .slice(0, MAX_STRINGS)
    .flatMap(([name, member]) => {
      const values = Array.isArray(member) ? member : [member];
      const isPlain = values.every((one) => typeof one === 'number' || typeof one === 'boolean');
      if (isPlain && values.length > 0) return [`${name.slice(0, 40)}: ${JSON.stringify(member)}`];
      if (typeof member === 'string')
        return isSeedName(name) && /^-?\d{1,40}$/.test(member) ? [`${name}: ${member}`] : [];
      return namedIn(member, depth + 1);
    });
}
