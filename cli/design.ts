import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Row } from '../lib/audits/rows.ts';
import type { ImportRequest } from '../lib/contract/import-request.ts';
import type { AuditRequest } from '../lib/contract/request.ts';
import type { RoundRequest } from '../lib/contract/round-request.ts';
import { DesignFileError } from '../lib/design-file/error.ts';
import { readDesignFile } from '../lib/design-file/read.ts';
import type { ReadFile } from '../lib/design-file/rows.ts';
import { canonicalJson } from '../lib/json.ts';
import type { Retention } from '../lib/limits.ts';
import { sha256Hex } from '../lib/sha256.ts';
import { CommandError, EXIT, fileFault } from './exit.ts';

/** The body of `POST /api/audits`. The server validates it. */
export type DesignBody = Partial<AuditRequest>;

/** The parts of a design that flags set. Flags win over the file. */
export interface DesignFlags {
  prompt?: string[];
  template?: string;
  factor?: Record<string, string[]>;
  model?: string[];
  samples?: number;
  name?: string;
  seed?: number;
  compare?: string[];
  reference?: string;
  retention?: Retention;
  /** Dollars. */
  maxCost?: number;
  input?: Record<string, unknown>;
  /** How to read a file that is not UTF-8: a label of the Encoding Standard. */
  encoding?: string;
}

const wrong = (message: string) => new CommandError(EXIT.usage, message);

/**
 * Builds a design from a file (a table, a list or JSON; `-` for standard input) and flags.
 * @returns the design, and sentences about what was trimmed, merged or left out
 * @throws {CommandError} if the file cannot be read, or prompts or models are missing
 */
export async function readDesign(
  file: string | undefined,
  flags: DesignFlags,
): Promise<{ design: DesignBody; notes: string[] }> {
  const { design: read, notes } =
    file === undefined ? { design: {}, notes: [] } : await readDesignOf(file, flags);
  const design = withFlags(read, flags);
  const { prompts } = design;
  if (!prompts && design.template === undefined)
    throw wrong('No prompt given. Pass a file, --prompt "…", or --template "… {factor}" with --factor.');
  const isPaired = prompts?.every((prompt) => typeof prompt === 'object' && prompt.model !== undefined);
  if (!design.models?.length && !isPaired)
    throw wrong(
      'No model given. Pass --model owner/name, once for each model, or name one in each row (column "model").',
    );
  return {
    design: { ...design, samples: design.samples ?? 1 },
    notes: [...notes, ...replacedBy(flags, read)],
  };
}

/** What flags replace in a file, in sentences. */
function replacedBy(flags: DesignFlags, { prompts = [] }: DesignBody): string[] {
  const flag = flags.prompt ? '--prompt' : flags.template === undefined ? undefined : '--template';
  const named = prompts.filter((prompt) => typeof prompt === 'object' && prompt.model !== undefined).length;
  return [
    ...(flag && prompts.length > 0 ? [`${flag} replaces the file's prompts (${prompts.length}).`] : []),
    ...(flags.model && !flag && named > 0 ? [`--model replaces the models that rows name (${named}).`] : []),
  ];
}

const readDesignOf = (file: string, { encoding, template }: DesignFlags): Promise<ReadFile> =>
  readWith(file, (bytes, name) =>
    readDesignFile(bytes, name, { encoding, template: template !== undefined }),
  );

/**
 * Reads a file with one of the readers of designs.
 * @param read is given the bytes, and the name for messages
 * @throws {CommandError} if it cannot be read
 */
export async function readWith<T>(file: string, read: (bytes: Uint8Array, name: string) => T): Promise<T> {
  const bytes = await readBytes(file);
  try {
    return read(bytes, file === '-' ? 'standard input' : file);
  } catch (error) {
    if (!(error instanceof DesignFileError)) throw error;
    const encodings = error.guesses.map(({ encoding }) => encoding).join(' or ');
    throw wrong(
      `${error.message}${encodings ? ` Pass --encoding ${encodings}, or save the file as UTF-8 (Excel: "CSV UTF-8").` : ''}`,
    );
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file);
  } catch (error) {
    throw wrong(`${file} cannot be read: ${fileFault(error)}.`);
  }
}

/** Flags replace the corresponding parts of the file, and models those of its rows; factors and inputs are merged. */
function withFlags(file: DesignBody, flags: DesignFlags): DesignBody {
  const { prompts, template, factors, ...rest } = file;
  const factorFlags = flags.factor && Object.keys(flags.factor).length > 0 ? flags.factor : undefined;
  const prompting = flags.prompt
    ? { prompts: flags.prompt }
    : flags.template !== undefined || factorFlags
      ? {
          ...((flags.template ?? template) === undefined ? {} : { template: flags.template ?? template }),
          ...(factors || factorFlags ? { factors: { ...factors, ...factorFlags } } : {}),
        }
      : {
          ...(prompts ? { prompts: flags.model ? prompts.map(withoutModel) : prompts } : {}),
          ...(template === undefined ? {} : { template }),
          ...(factors ? { factors } : {}),
        };
  return {
    ...rest,
    ...prompting,
    ...(flags.model ? { models: flags.model } : {}),
    ...(flags.samples === undefined ? {} : { samples: flags.samples }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.compare ? { compare: flags.compare } : {}),
    ...(flags.reference === undefined ? {} : { reference: flags.reference }),
    ...(flags.retention === undefined ? {} : { retention: flags.retention }),
    ...(flags.maxCost === undefined ? {} : { maxCost: flags.maxCost }),
    ...(flags.input && Object.keys(flags.input).length > 0
      ? { input: { ...file.input, ...flags.input } }
      : {}),
  };
}

const withoutModel = (prompt: string | Row): string | Row => {
  if (typeof prompt === 'string') return prompt;
  const { model: _, ...row } = prompt;
  return row.factors ? row : row.text;
};

/**
 * The Idempotency-Key of a design: the same design is the same audit, also from another machine. The order of members, such as
 * that of the columns of a table, makes no other design.
 * @param label distinguishes intended repetitions of the same design
 */
export const designKey = (design: DesignBody | ImportRequest | RoundRequest, label = ''): string =>
  `weaudit-${sha256Hex(`${canonicalJson(design)}\n${label}`)}`;
