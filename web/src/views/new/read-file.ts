import * as v from 'valibot';
import type { Row } from '../../../../lib/audits/rows.ts';
import { expandTemplate, TemplateError } from '../../../../lib/audits/template.ts';
import { AuditRequest, describeIssue, unfold } from '../../../../lib/contract/request.ts';
import { DesignFileError } from '../../../../lib/design-file/error.ts';
import { readDesignFile, readDesignText } from '../../../../lib/design-file/read.ts';
import type { FileDesign, ReadFile } from '../../../../lib/design-file/rows.ts';
import { DESIGN } from '../../../../lib/limits.ts';
import { words } from '../../words/table.ts';
import type { Draft } from './draft.ts';

/** Loaded when a file is opened or a table is pasted: the first view does without it. */

/** Issues that a sentence names. */
const ISSUES = 3;

/** @throws {DesignFileError} */
export const openFile = (bytes: Uint8Array, file: string, encoding?: string): Partial<Draft> =>
  fill(readDesignFile(bytes, file, { encoding }), file);

/** @param file what to call it in messages */
export const openPasted = (text: string, file: string): Partial<Draft> =>
  fill(readDesignText(text, file), file);

/** What a file fills in: its prompts, and of a whole design everything else. */
function fill({ design, notes }: ReadFile, file: string): Partial<Draft> {
  const parsed = v.safeParse(v.partial(AuditRequest), design, { abortPipeEarly: true });
  if (!parsed.success) {
    const issues = parsed.issues.slice(0, ISSUES).flatMap(unfold).slice(0, ISSUES);
    throw new DesignFileError(words.wrong(file, issues.map((issue) => describeIssue(issue)).join('; ')));
  }
  const { name, models, samples, seed, retention, maxCost, input, compare = [], reference = '' } = design;
  return {
    ...promptsIn(design, file),
    opened: { name: file, notes },
    ...{ compare, reference },
    ...(name === undefined ? {} : { name }),
    ...(models === undefined ? {} : { models: models.map((entry) => modelIn(entry, file)) }),
    ...(samples === undefined ? {} : { samples }),
    ...(retention === undefined ? {} : { retention }),
    ...(seed === undefined ? {} : { seed: String(seed) }),
    ...(maxCost === undefined ? {} : { maxCost: String(maxCost) }),
    ...(input === undefined ? {} : { input: JSON.stringify(input) }),
  };
}

/** A list goes into its box, where it can be changed; rows with anything beside their text are shown as a table. */
function promptsIn({ prompts, template, factors = {} }: FileDesign, file: string): Partial<Draft> {
  if (prompts && template !== undefined) throw new DesignFileError(words.bothWays(file));
  // The form has a value of a factor in each line.
  if (template !== undefined && Object.values(factors).flat().some(hasLineBreak))
    return { way: 'table', table: rowsOf(template, factors, file) };
  if (template !== undefined)
    return {
      way: 'template',
      template,
      factors: Object.fromEntries(
        Object.entries(factors).map(([factor, values]) => [factor, values.join('\n')]),
      ),
    };
  if (!prompts) throw new DesignFileError(words.noPrompts(file));
  const lines = prompts.filter((prompt) => typeof prompt === 'string' && !hasLineBreak(prompt));
  return lines.length === prompts.length
    ? { way: 'prompts', prompts: lines.join('\n') }
    : {
        way: 'table',
        table: prompts.map((prompt) => (typeof prompt === 'string' ? { text: prompt } : prompt)),
      };
}

const hasLineBreak = (text: string) => /[\r\n]/.test(text);

/** The prompts of a template. */
function rowsOf(template: string, factors: Record<string, string[]>, file: string): Row[] {
  try {
    return expandTemplate(template, factors, DESIGN);
  } catch (error) {
    if (error instanceof TemplateError) throw new DesignFileError(words.wrongTemplate(file, error.message));
    throw error;
  }
}

function modelIn(entry: NonNullable<FileDesign['models']>[number], file: string): string {
  if (typeof entry === 'string') return entry;
  if (Object.keys(entry.input ?? {}).length > 0)
    throw new DesignFileError(words.ownInputs(file, entry.model));
  return entry.model;
}
