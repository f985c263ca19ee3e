import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse } from 'csv-parse/sync';
import type { AuditRequest } from '../lib/contract/request.ts';
import type { Retention } from '../lib/limits.ts';
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
  retention?: Retention;
  /** Dollars. */
  maxCost?: number;
  input?: Record<string, unknown>;
}

const wrong = (message: string) => new CommandError(EXIT.usage, message);

/**
 * Builds a design from a file (JSON or CSV, `-` for JSON on standard input) and flags.
 * @throws {CommandError} if the file cannot be read, or prompts or models are missing
 */
export async function readDesign(file: string | undefined, flags: DesignFlags): Promise<DesignBody> {
  const design = withFlags(file === undefined ? {} : await readDesignFile(file, flags), flags);
  if (!design.prompts && design.template === undefined)
    throw wrong('No prompt given. Pass a file, --prompt "…", or --template "… {factor}" with --factor.');
  if (!design.models?.length) throw wrong('No model given. Pass --model owner/name, once for each model.');
  return { ...design, samples: design.samples ?? 1 };
}

async function readDesignFile(file: string, flags: DesignFlags): Promise<DesignBody> {
  const content = await readText(file);
  if (extname(file).toLowerCase() === '.csv') return fromCsv(content, file, flags.template !== undefined);
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw wrong(
      `${file} is not valid JSON: ${(error as Error).message}. (The name of a CSV file must end in .csv.)`,
    );
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw wrong(
      `${file} must contain one JSON object with "prompts" (or "template" and "factors"), "models" and "samples".`,
    );
  return json as DesignBody;
}

async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw wrong(`${file} cannot be read: ${fileFault(error)}.`);
  }
}

const unique = (values: string[]) => [...new Set(values.filter((value) => value !== ''))];

/**
 * Reads a CSV table. With a column `prompt`, each row is a prompt. With a template, each column is a factor and its
 * distinct values; every combination is requested. A column `model` names models.
 * @throws {CommandError} if the table is invalid, or a column would be ignored
 */
export function fromCsv(content: string, file: string, hasTemplate: boolean): DesignBody {
  let rows: Record<string, string>[];
  try {
    rows = parse(content, { columns: true, bom: true, trim: true, skip_empty_lines: true });
  } catch (error) {
    throw wrong(`${file} is not a valid CSV file: ${(error as Error).message}`);
  }
  const columns = Object.keys(rows[0] ?? {});
  if (rows.length === 0)
    throw wrong(`${file} has no rows. The first line names the columns; add a row below it.`);
  const valuesOf = (column: string) => unique(rows.map((row) => row[column] ?? ''));
  const models = columns.includes('model') ? { models: valuesOf('model') } : {};
  if (columns.includes('prompt')) {
    const other = columns.find((column) => column !== 'prompt' && column !== 'model');
    if (other !== undefined)
      throw wrong(
        `${file} has a column "${other}" next to "prompt", which would be ignored. Remove it, or use --template with a column for each factor.`,
      );
    return { prompts: valuesOf('prompt'), ...models };
  }
  if (!hasTemplate)
    throw wrong(
      `${file} has no column "prompt". Add one, or pass --template "… {${columns[0]}} …" to use the columns as factors.`,
    );
  const factors = columns.filter((column) => column !== 'model').map((column) => [column, valuesOf(column)]);
  return { factors: Object.fromEntries(factors), ...models };
}

/** Flags replace the corresponding parts of the file; factors and inputs are merged. */
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
          ...(prompts ? { prompts } : {}),
          ...(template === undefined ? {} : { template }),
          ...(factors ? { factors } : {}),
        };
  return {
    ...rest,
    ...(prompting as DesignBody),
    ...(flags.model ? { models: flags.model } : {}),
    ...(flags.samples === undefined ? {} : { samples: flags.samples }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.retention === undefined ? {} : { retention: flags.retention }),
    ...(flags.maxCost === undefined ? {} : { maxCost: flags.maxCost }),
    ...(flags.input && Object.keys(flags.input).length > 0
      ? { input: { ...file.input, ...flags.input } }
      : {}),
  };
}

/** JSON with sorted members, so that equal designs have the same text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );

/** The design as it is sent. Equal designs are sent as the same bytes, because the server compares them. */
export const canonicalDesign = (design: DesignBody): DesignBody =>
  JSON.parse(canonical(design)) as DesignBody;

/**
 * The Idempotency-Key of a design: the same design is the same audit, also from another machine.
 * @param label distinguishes intended repetitions of the same design
 */
export const designKey = (design: DesignBody, label = ''): string =>
  `weaudit-${createHash('sha256')
    .update(`${canonical(design)}\n${label}`)
    .digest('hex')}`;
