import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse } from 'csv-parse/sync';
import { CommandError, EXIT } from './exit.ts';

/** What an audit is asked for with: the body of `POST /api/audits`. The server checks it. */
export interface DesignBody {
  name?: string;
  prompts?: string[];
  template?: string;
  factors?: Record<string, string[]>;
  models?: (string | { model: string; input?: Record<string, unknown> })[];
  samples?: number;
  input?: Record<string, unknown>;
  seed?: number;
  retention?: string;
}

/** What the command line says about a design; it goes before what the file says. */
export interface DesignFlags {
  prompt?: string[];
  template?: string;
  factor?: Record<string, string[]>;
  model?: string[];
  samples?: number;
  name?: string;
  seed?: number;
  retention?: string;
  input?: Record<string, unknown>;
}

const wrong = (message: string) => new CommandError(EXIT.usage, message);

/**
 * Puts a design together from a file (JSON or CSV, `-` for JSON on standard input) and arguments.
 * @throws {CommandError} where the file cannot be read or something needed is nowhere
 */
export async function readDesign(file: string | undefined, flags: DesignFlags): Promise<DesignBody> {
  const design = withFlags(file === undefined ? {} : await readDesignFile(file, flags), flags);
  if (!design.prompts && design.template === undefined)
    throw wrong(
      'There is nothing to ask. Give a file, or --prompt "…", or --template "… {factor}" with --factor.',
    );
  if (!design.models?.length)
    throw wrong('There is nobody to ask. Give --model owner/name, once for each model.');
  return { ...design, samples: design.samples ?? 1 };
}

async function readDesignFile(file: string, flags: DesignFlags): Promise<DesignBody> {
  const content = await readText(file);
  if (extname(file).toLowerCase() === '.csv') return fromCsv(content, file, flags.template !== undefined);
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw wrong(`${file} is not JSON: ${(error as Error).message}. (A CSV file's name ends in .csv.)`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw wrong(
      `${file} must hold one object with "prompts" (or "template" and "factors"), "models" and "samples".`,
    );
  return json as DesignBody;
}

async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw wrong(`${file} cannot be read: ${(error as Error).message}`);
  }
}

const unique = (values: string[]) => [...new Set(values.filter((value) => value !== ''))];

/**
 * A table: either with a column `prompt`, one prompt a row; or, for a template, each column a factor and its
 * different values (every combination is asked for). A column `model` names models.
 */
export function fromCsv(content: string, file: string, hasTemplate: boolean): DesignBody {
  let rows: Record<string, string>[];
  try {
    rows = parse(content, { columns: true, bom: true, trim: true, skip_empty_lines: true });
  } catch (error) {
    throw wrong(`${file} is no CSV table: ${(error as Error).message}`);
  }
  const columns = Object.keys(rows[0] ?? {});
  if (rows.length === 0) throw wrong(`${file} holds no row below its first line, which names the columns.`);
  const valuesOf = (column: string) => unique(rows.map((row) => row[column] ?? ''));
  const models = columns.includes('model') ? { models: valuesOf('model') } : {};
  if (columns.includes('prompt')) {
    const other = columns.find((column) => column !== 'prompt' && column !== 'model');
    if (other !== undefined)
      throw wrong(
        `${file} has a column "${other}" beside "prompt", which would be ignored. Leave it away, or use --template with a column for each factor.`,
      );
    return { prompts: valuesOf('prompt'), ...models };
  }
  if (!hasTemplate)
    throw wrong(
      `${file} has no column "prompt". Add it, or give --template "… {${columns[0]}} …" to use the columns as factors.`,
    );
  const factors = columns.filter((column) => column !== 'model').map((column) => [column, valuesOf(column)]);
  return { factors: Object.fromEntries(factors), ...models };
}

/** Prompts by argument replace prompts by file, and so on: what is nearer to the person counts. */
function withFlags(file: DesignBody, flags: DesignFlags): DesignBody {
  const { prompts, template, factors, ...rest } = file;
  const factorFlags = flags.factor && Object.keys(flags.factor).length > 0 ? flags.factor : undefined;
  const asked = flags.prompt
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
    ...(asked as DesignBody),
    ...(flags.model ? { models: flags.model } : {}),
    ...(flags.samples === undefined ? {} : { samples: flags.samples }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.retention === undefined ? {} : { retention: flags.retention }),
    ...(flags.input && Object.keys(flags.input).length > 0
      ? { input: { ...file.input, ...flags.input } }
      : {}),
  };
}

/** JSON with the members of every object in order, so that the same design is the same text however it was written. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );

/** The design as it is sent: always the same bytes for the same design, because the server compares them. */
export const canonicalDesign = (design: DesignBody): DesignBody =>
  JSON.parse(canonical(design)) as DesignBody;

/**
 * The Idempotency-Key of a design: the same design is the same audit, whoever sends it again and from wherever.
 * @param label makes another audit of the same design, for a repetition that is meant
 */
export const designKey = (design: DesignBody, label = ''): string =>
  `weaudit-${createHash('sha256')
    .update(`${canonical(design)}\n${label}`)
    .digest('hex')}`;
