import type { Row } from '../audits/rows.ts';
import { AuditRequest } from '../contract/request.ts';
import { DesignFileError } from './error.ts';
import { almostPrompt, plain } from './names.ts';
import type { FileDesign, PlacedRow, ReadRows } from './rows.ts';

/**
 * Reads JSON: a design as an object, or its prompts as a list of texts or of rows.
 * @throws {DesignFileError}
 */
export function readJson(text: string, file: string): ReadRows {
  const lines = readJsonLines(text, file);
  if (lines) return { design: {}, rows: lines, notes: [] };
  const json = parsed(text, file);
  // `about` is what a published design says of its source.
  const { about: _about, ...design } = (Array.isArray(json) ? { prompts: json } : json) as FileDesign & {
    prompts?: unknown;
    about?: unknown;
  };
  if (design.prompts === undefined) {
    const members = Object.keys(json);
    if (!members.some((member) => member in AuditRequest.entries))
      throw new DesignFileError(
        `${file} is no design: it has ${
          members
            .slice(0, SHOWN)
            .map((member) => `"${member}"`)
            .join(', ') || 'no member'
        }. Write ${EXAMPLES}.`,
      );
    return { design, notes: [] };
  }
  if (!Array.isArray(design.prompts))
    throw new DesignFileError(
      `${file}: "prompts" must be a list${typeof design.prompts === 'string' ? `: [${JSON.stringify(design.prompts)}]` : ', such as ["a doctor", "a nurse"]'}.`,
    );
  if (design.prompts.length === 0) throw new DesignFileError(`${file} has no prompts: its list is empty.`);
  return { design, rows: design.prompts.map((entry, i) => rowOf(entry, `prompt ${i + 1}`, file)), notes: [] };
}

const EXAMPLES =
  '{"prompts": […], "models": […], "samples": 4}, a list of texts, or a list of rows ({"prompt": "…", "group": "…"})';
/** Members that a message names. */
const SHOWN = 10;

function parsed(text: string, file: string): object {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const hint = /^\s*[[{]/.test(text) ? '' : ' (A table is named .csv or .tsv, a list of prompts .txt.)';
    throw new DesignFileError(`${file} is not valid JSON: ${(error as Error).message}.${hint}`);
  }
  refuseTwins(text, file);
  if (typeof json !== 'object' || json === null)
    throw new DesignFileError(`${file} must contain a design: ${EXAMPLES}.`);
  return json;
}

/** Prompts of a file with JSON in each line, or undefined if it is none. */
function readJsonLines(text: string, file: string): PlacedRow[] | undefined {
  const lines = text.split(/\r\n|\r|\n/).map((line, i) => ({ line: line.trim(), place: `line ${i + 1}` }));
  const written = lines.filter(({ line }) => line !== '');
  const isValue = (line: string) => /^(\{.*\}|".*")$/.test(line);
  if (written.length < 2 || !isValue(written[0]!.line)) return undefined;
  return written.map(({ line, place }) => {
    try {
      const entry = JSON.parse(line);
      refuseTwins(line, `${file}, ${place}`);
      return rowOf(entry, place, file);
    } catch (error) {
      if (error instanceof DesignFileError) throw error;
      throw new DesignFileError(`${file}, ${place} is not valid JSON: ${(error as Error).message}.`);
    }
  });
}

/** Of two members of one name JSON keeps the last, and what the other says would be lost without a word. */
function refuseTwins(json: string, file: string): void {
  const open: Set<string>[] = [];
  for (const { 0: token, 1: isName, index } of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (isName !== undefined) {
      const name = JSON.parse(token.slice(0, -isName.length)) as string;
      if (open.at(-1)!.has(name))
        throw new DesignFileError(
          `${file} has "${name}" twice in one object, the second time in line ${json.slice(0, index).split(/\r\n|\r|\n/).length}. Remove one.`,
        );
      open.at(-1)!.add(name);
    }
  }
}

/** A text, a row as the request has it, or a row of a table. */
function rowOf(entry: unknown, place: string, file: string): PlacedRow {
  const where = `${file}, ${place}`;
  if (typeof entry === 'string') return { place, text: entry, factors: [], model: '' };
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw new DesignFileError(`${where} must be a text, or an object such as {"prompt": "…", "group": "…"}.`);
  const members = Object.entries(entry);
  const isRow =
    Object.hasOwn(entry, 'text') && members.every(([name]) => ['text', 'factors', 'model'].includes(name));
  if (isRow) return requestRow(entry as { text: unknown }, place, where);
  const cells = members.map(([name, value]) => [name, cellOf(value, `${where}: "${name}"`)] as const);
  const find = (wanted: string) => cells.find(([name]) => plain(name) === wanted);
  const prompt = find('prompt');
  const model = find('model');
  if (!prompt) {
    const almost = members.map(([name]) => name).find(almostPrompt);
    throw new DesignFileError(
      `${where} has no "prompt"${almost === undefined ? '' : `, but "${almost}" looks like it`}. Call the text of each row "prompt".`,
    );
  }
  const others = cells.filter((cell) => cell !== prompt && cell !== model);
  return {
    place,
    text: prompt[1],
    factors: others.map(([name, value]) => [name.trim(), value]),
    model: model?.[1] ?? '',
  };
}

function requestRow(
  { text, factors = {}, model = '' }: { [name in keyof Row]: unknown },
  place: string,
  where: string,
): PlacedRow {
  if (typeof factors !== 'object' || factors === null || Array.isArray(factors))
    throw new DesignFileError(`${where}: "factors" must be an object such as {"group": "nurses"}.`);
  return {
    place,
    text: cellOf(text, `${where}: "text"`),
    factors: Object.entries(factors).map(([name, value]) => [name, cellOf(value, `${where}: "${name}"`)]),
    model: cellOf(model, `${where}: "model"`),
  };
}

/** Numbers and booleans are text, as they are in a table. */
function cellOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && (!Number.isInteger(value) || Number.isSafeInteger(value)))
    return String(value);
  throw new DesignFileError(
    `${what} must be a text${typeof value === 'number' ? ': the number is too large to be kept exactly. Write it in quotes' : ', not a list or an object'}.`,
  );
}
