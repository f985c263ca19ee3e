import type { Row } from '../audits/rows.ts';
import { type AuditRequest, CONTROL, DROPPED } from '../contract/request.ts';
import { DESIGN, MODEL_NAME } from '../limits.ts';
import { DesignFileError } from './error.ts';

/** A design as a file has it: all or a part of the body of `POST /api/audits`, not yet checked by the API. */
export type FileDesign = Partial<AuditRequest>;

export interface ReadFile {
  design: FileDesign;
  /** What was trimmed, merged, renamed or left out, in sentences with counts and first places. */
  notes: string[];
}

/** A row and where it is: `row 3`. Its texts are as the file has them; an absent value is empty. */
export interface PlacedRow {
  place: string;
  text: string;
  factors: [name: string, value: string][];
  model: string;
}

/** A file that is taken apart, and its rows before they are checked; it may have none, but a template. */
export interface ReadRows extends ReadFile {
  rows?: PlacedRow[];
}

/**
 * Checks the rows of a file, trims them, and leaves out what is empty or stands there before.
 * @returns prompts for the request, texts where there is nothing beside them, and sentences about what was changed
 * @throws {DesignFileError} naming the row
 */
export function toPrompts(placed: PlacedRow[], file: string): { prompts: (string | Row)[]; notes: string[] } {
  const trimmed: string[] = [];
  const empty: string[] = [];
  const withoutValue = new Map<string, string[]>();
  const repeated: string[] = [];
  const first = new Map<string, { place: string; factors: string; rows: Set<string> }>();
  const unseen: string[] = [];
  const looks = new Map<string, { text: string; place: string }>();
  const alike: string[] = [];
  const prompts: (string | Row)[] = [];
  for (const { place, ...raw } of placed) {
    const values = [raw.text, raw.model, ...raw.factors.map(([, value]) => value)];
    if (values.every((value) => value.trim() === '')) {
      empty.push(place);
      continue;
    }
    if (values.some((value) => value !== value.trim())) trimmed.push(place);
    const row = checkedRow(raw, `${file}, ${place}`);
    for (const [name, value] of raw.factors)
      if (value.trim() === '') {
        const places = withoutValue.get(name) ?? [];
        places.push(place);
        withoutValue.set(name, places);
      }
    if (UNSEEN.test(row.text)) unseen.push(place);
    const look = row.text.replace(EVERY_UNSEEN, '').normalize('NFC');
    const like = looks.get(look);
    if (!like) looks.set(look, { text: row.text, place });
    else if (like.text !== row.text) alike.push(`${place} is like ${like.place}`);
    const factors = JSON.stringify(Object.entries(row.factors ?? {}).sort());
    const before = first.get(row.text);
    if (before && before.factors !== factors)
      throw new DesignFileError(
        `${file}, ${place}: the prompt of ${before.place} with other factors. A prompt has one set of factors: change its text, or leave one of the two rows.`,
      );
    if (before?.rows.has(row.model ?? '')) {
      repeated.push(`${place} is ${before.place}`);
      continue;
    }
    if (before) before.rows.add(row.model ?? '');
    else first.set(row.text, { place, factors, rows: new Set([row.model ?? '']) });
    prompts.push(row.factors || row.model ? row : row.text);
  }
  return {
    prompts,
    notes: [
      ...note(trimmed, (n) => `Spaces around the text of ${n} were trimmed`),
      ...note(empty, (n, one) => `${n} without text ${one ? 'was' : 'were'} left out`),
      ...note(repeated, (n, one) => `${n} repeated an earlier one and ${one ? 'was' : 'were'} merged`),
      ...note(
        unseen,
        (n, one) => `${n} ${one ? 'has' : 'have'} characters that cannot be seen, which models get, too`,
      ),
      ...note(
        alike,
        (n, one) =>
          `${n} ${one ? 'looks' : 'look'} like an earlier one, but ${one ? 'is' : 'are'} other characters, and ${one ? 'is a prompt' : 'are prompts'} of ${one ? 'its' : 'their'} own`,
      ),
      ...[...withoutValue].flatMap(([name, places]) =>
        note(places, (n, one) => `${n} ${one ? 'has' : 'have'} no "${name}"`),
      ),
    ],
  };
}

/**
 * Characters that change nothing that people see, only what models read; also those that turn the direction of text. Joiners
 * and marks of direction are not among them: Persian, Hindi and emoji need them.
 */
const UNSEEN = /[\u00ad\u200b\u2028-\u202e\u2060-\u2069\ufeff]/;
const EVERY_UNSEEN = new RegExp(UNSEEN, 'g');

/** Places that a sentence names. */
const NAMED = 3;

/** `Spaces around the text of 5 rows were trimmed (row 2, row 3, row 7, …).` */
function note(places: string[], sentence: (count: string, isOne: boolean) => string): string[] {
  if (places.length === 0) return [];
  const kind = places[0]!.split(' ')[0];
  const count = `${places.length.toLocaleString('en')} ${kind}${places.length === 1 ? '' : 's'}`;
  const named = places.slice(0, NAMED).join(', ');
  return [`${sentence(count, places.length === 1)} (${named}${places.length > NAMED ? ', …' : ''}).`];
}

function checkedRow({ text, factors, model }: Omit<PlacedRow, 'place'>, where: string): Row {
  const prompt = checkedText(text, DESIGN.promptLength, `${where}: the prompt`);
  if (prompt === '')
    throw new DesignFileError(
      `${where}: the prompt is empty, but other cells are not. Write a prompt, or remove the row.`,
    );
  if (/^[\p{Cf}\p{Z}]*$/u.test(prompt))
    throw new DesignFileError(
      `${where}: the prompt has no character that can be seen. Write a prompt, or remove the row.`,
    );
  const wrongName = factors.map(([factor]) => factor).find((factor) => DROPPED.includes(factor));
  if (wrongName !== undefined)
    throw new DesignFileError(`${where}: no factor can be called "${wrongName}". Rename it.`);
  const kept = factors
    .map(([name, value]) => [name, checkedText(value, DESIGN.valueLength, `${where}: "${name}"`)] as const)
    .filter(([, value]) => value !== '');
  const name = model.trim();
  if (name !== '' && !MODEL_NAME.test(name))
    throw new DesignFileError(
      `${where}: "${name}" is no model. Write owner/name, or owner/name:version with the 64 characters of the version.`,
    );
  return {
    text: prompt,
    ...(kept.length > 0 ? { factors: Object.fromEntries(kept) } : {}),
    ...(name === '' ? {} : { model: name }),
  };
}

function checkedText(value: string, most: number, what: string): string {
  const text = value.trim();
  if (text.length > most)
    throw new DesignFileError(
      `${what} has ${text.length.toLocaleString('en')} characters; at most ${most.toLocaleString('en')} are allowed. Shorten it.`,
    );
  const control = CONTROL.exec(text);
  if (control)
    throw new DesignFileError(
      `${what} has the control character U+${control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')} as character ${control.index + 1}. Remove it.`,
    );
  if (!text.isWellFormed())
    throw new DesignFileError(`${what} has half a character (a lone surrogate). Remove it.`);
  return text;
}
