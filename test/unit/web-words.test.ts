import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseSync } from '@swc/core';
import { dateTime, dollars, moment, percent, some, utcDay, whole } from '../../web/src/words/locale.ts';

/** Every sentence of the page is in web/src/words/, so that it can be read as a whole and translated. */

const SOURCE = path.resolve(import.meta.dirname, '../../web/src');
/** Attributes that people read or hear. */
const READ = ['aria-label', 'title', 'placeholder', 'alt', 'label', 'action', 'what'];
const LETTERS = /\p{L}{2,}/u;
const WORDS = /\p{L}{2,}[,.:;!?]? \p{L}{2,}/u;

interface Node {
  type?: string;
  value?: unknown;
  raw?: string;
  name?: { value?: string };
  [child: string]: unknown;
}

/** Texts in a source that people would read. */
function sentencesIn(source: string, tsx = true): string[] {
  const found: string[] = [];
  const look = (node: unknown, within = ''): void => {
    if (Array.isArray(node)) for (const child of node) look(child, within);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const { type, value, raw, name } = node as Node;
    // What a value is compared with is read by nobody; types and addresses of modules are no texts.
    if (type === 'BinaryExpression' && /^[=!]==$/.test(String((node as Node).operator))) return;
    if (type === 'ImportDeclaration' || type === 'ExportNamedDeclaration' || type === 'TsLiteralType') return;
    if (type === 'JSXText' && LETTERS.test(String(value))) found.push(String(value).trim());
    // Markup that is put together as text, such as that of a plot to save.
    if (
      type === 'TemplateLiteral' &&
      /^<\w+[ >]/.test(String((node as { quasis?: Node[] }).quasis?.[0]?.raw))
    ) {
      look((node as { expressions?: unknown }).expressions, within);
      return;
    }
    const text = type === 'StringLiteral' ? String(value) : type === 'TemplateElement' ? (raw ?? '') : '';
    if (within !== 'class' && (READ.includes(within) ? LETTERS : WORDS).test(text)) found.push(text);
    const inside = type === 'JSXAttribute' ? (name?.value ?? '') : within;
    for (const [key, child] of Object.entries(node)) if (key !== 'span') look(child, inside);
  };
  look(parseSync(source, { syntax: 'typescript', tsx }).body);
  return found;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /\.tsx?$/.test(file) && !file.startsWith('words'),
);

test('a sentence is found in text, in attributes that people read, and in strings; class names are none', () => {
  expect(
    sentencesIn(`const a = <p class="card big" title="Close"><b data-x="y">Hello</b> {n} · {\`\${n} of them all\`}</p>;
                 export const b = 'Try again'; const c: 'rate limit' = d('words-app');`),
  ).toEqual(['Close', 'Hello', ' of them all', 'Try again']);
});

test.each(files)('%s has no sentence of its own', (file) => {
  expect(sentencesIn(readFileSync(path.join(SOURCE, file), 'utf8'), file.endsWith('.tsx'))).toEqual([]);
});

describe("numbers and times are written by the reader's locale", () => {
  test('here it is British English', () => {
    expect([whole(12_345), percent(0.0204), percent(0.5), percent(1)]).toEqual([
      '12,345',
      '2.0',
      '50',
      '100',
    ]);
    expect([dollars(2.4), dollars(0.003), dollars(1234)]).toEqual(['$2.40', '$0.003', '$1,234.00']);
    expect(dateTime('2026-01-05T12:00:00Z')).toMatch(/^5 Jan 2026, \d\d:00$/);
    expect(moment('2026-01-05T12:00:30Z')).toMatch(/^5 Jan 2026, \d\d:00:30 /);
    expect(utcDay('2026-02-01T00:00:00Z')).toBe('1 February');
    expect([some(1, 'tile', 'tiles'), some(2000, 'tile', 'tiles')]).toEqual(['1 tile', '2,000 tiles']);
  });
});
