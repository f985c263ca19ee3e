import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { FindingsInput } from '../../lib/findings/facts.ts';
import { reportFiles, type Thumbnail } from '../../lib/findings/report/report.ts';
import { firstSamples, MOST_SAMPLES } from '../../lib/findings/report/samples.ts';
import { shapeRound } from '../support/shape-round.ts';

const SCRIPT = readFileSync(
  path.resolve(import.meta.dirname, '../../lib/findings/report/recompute.py'),
  'utf8',
);
const filesOf = (input: FindingsInput, thumbnails = new Map<string, Thumbnail>(), more = {}) =>
  reportFiles({ ...input, thumbnails, script: SCRIPT, ...more });

const input = shapeRound();
const numbered = (count: number) => Array.from({ length: count }, (_, i) => i);
const files = filesOf(input);

describe('the page of a report', () => {
  test('has no script, asks no server for anything, and forbids both', async () => {
    const html = (await files).get('report.html')!;
    expect(html).not.toMatch(/<script|<link|<iframe|<object|\son\w+=|javascript:|url\(|@import|https?:/i);
    expect(html).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
    const targets = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target]) => target!);
    expect(targets.filter((target) => !/^[a-z]+\.(csv|json|py)$/.test(target))).toEqual([]);
  });

  test('shows hostile prompts, names and words as text', async () => {
    const hostile = `<img src=x onerror=alert(1)>"'&</style><script>alert(2)</script>`;
    const made = shapeRound({ models: [`${hostile}/a`, 'b/b'] });
    const [audit] = made.audits;
    const report = await filesOf(
      {
        ...made,
        audits: [
          {
            cells: audit!.cells.map((cell) =>
              cell.n === 0 ? { ...cell, status: hostile, images: [] } : cell,
            ),
            plan: {
              ...audit!.plan,
              name: hostile,
              input: { word: hostile },
              prompts: audit!.plan.prompts.map(({ text, factors }, i) => ({
                text: i === 0 ? hostile : text,
                factors: { ...factors, [hostile]: hostile },
              })),
            },
          },
        ],
        round: { ...made.round, name: hostile, exclusions: hostile, createdBy: hostile },
        codebook: {
          title: hostile,
          questions: made.codebook.questions.map((question) => ({
            ...question,
            text: hostile,
            definition: hostile,
            answers: question.answers.map((answer) => ({ ...answer, text: hostile, definition: hostile })),
          })),
        },
      },
      new Map(),
      { reply: hostile },
    );
    const html = report.get('report.html')!;
    expect(html.match(/<(script|img)/gi)).toBeNull();
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(html.match(/&lt;img src=x onerror=alert\(1\)&gt;/g)!.length).toBeGreaterThan(20);
  });

  test('has at most 8 MB with 200 thumbnails, and says which are left out', async () => {
    const shown = firstSamples(input).flatMap(({ samples }) => samples.flatMap(({ image }) => image ?? []));
    const thumbnail = (bytes: number): Thumbnail => ({
      contentType: 'image/webp',
      base64: Buffer.alloc(bytes, 1).toString('base64'),
    });
    const small = await filesOf(input, new Map(shown.map((image) => [image, thumbnail(22_000)])));
    const large = await filesOf(input, new Map(shown.map((image) => [image, thumbnail(60_000)])));
    expect(small.get('report.html')!.match(/<img /g)).toHaveLength(shown.length);
    for (const report of [small, large])
      expect(Buffer.byteLength(report.get('report.html')!)).toBeLessThan(8_000_000);
    expect(large.get('report.html')).toContain('left out: the page would be too large');
  });

  const many = shapeRound({ samples: 1 });
  const [audit] = many.audits;
  const withPrompts = (prompts: FindingsInput['audits'][number]['plan']['prompts']): FindingsInput => ({
    ...many,
    audits: [
      {
        plan: { ...audit!.plan, prompts },
        cells: Array.from({ length: 2 * prompts.length }, (_, n) => ({ ...audit!.cells[0]!, n })),
      },
    ],
  });

  test.each([
    [
      '1,000 prompts',
      withPrompts(numbered(1_000).map((i) => ({ text: `${'a long prompt '.repeat(10)}${i}` }))),
    ],
    [
      '1,000 values of factors',
      withPrompts(numbered(1_000).map((i) => ({ text: `prompt ${i}`, factors: { a: `a${i}`, b: `b${i}` } }))),
    ],
    ['the longest prompts', withPrompts(numbered(100).map((i) => ({ text: `${'👩‍🚒 '.repeat(330)}${i}` })))],
    [
      '200 raters',
      {
        ...many,
        snapshot: {
          ...many.snapshot,
          labels: many.snapshot.labels.flatMap(([item, question, , ...said]) =>
            numbered(200).map(
              (i) => [item, question, `${i + 1}.1`, ...said] as (typeof many.snapshot.labels)[number],
            ),
          ),
        },
        codebook: {
          ...many.codebook,
          questions: many.codebook.questions.map((question) => ({
            ...question,
            answers: numbered(30).map(
              (i) => question.answers[i] ?? { id: `more-${i}`, text: `More ${i}`, key: 'x' },
            ),
          })),
        },
      },
    ],
  ] as [string, FindingsInput][])('has at most 8 MB with thumbnails and %s', async (_what, large) => {
    const shown = firstSamples(large).flatMap(({ samples }) => samples.flatMap(({ image }) => image ?? []));
    const thumbnail: Thumbnail = { contentType: 'image/webp', base64: 'A'.repeat(60_000) };
    const report = await filesOf(large, new Map(shown.map((image) => [image, thumbnail])));
    expect(Buffer.byteLength(report.get('report.html')!)).toBeLessThan(8_000_000);
    expect(report.get('report.html')).toContain('the page');
  });

  test('shows a prompt from right to left, or one that turns what follows, apart from the numbers beside it', async () => {
    const made = shapeRound({ samples: 14 });
    const [own] = made.audits;
    const names = ['\u202eelcric', 'אישה', 'a plain one'];
    const prompts = own!.plan.prompts.map((prompt, i) => ({ ...prompt, text: names[i] ?? prompt.text }));
    const report = await filesOf({ ...made, audits: [{ ...own!, plan: { ...own!.plan, prompts } }] });
    const html = report.get('report.html')!;
    expect(html).not.toContain('\u202e');
    for (const text of ['elcric', 'אישה']) {
      expect(html).toContain(`\u2068${text}\u2069`);
      expect(html.replaceAll(`\u2068${text}\u2069`, '')).not.toContain(text);
    }
    expect(html).toContain('>a plain one<');
    // The files have what was requested, to the letter.
    expect(report.get('shares.csv')).toContain('\u202eelcric');
  });

  test('shows the first samples by their numbers, and neither reported pictures nor a choice', () => {
    const sampled = firstSamples(input);
    expect(sampled[0]!.samples.map(({ sample }) => sample)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(sampled[0]!.samples[3]).toMatchObject({
      image: undefined,
      why: 'hidden, because a rater reported it',
    });
    expect(sampled.flatMap(({ samples }) => samples).length).toBeLessThanOrEqual(MOST_SAMPLES);
  });

  test('lists the SHA-256 of each file, and the same input makes the same bytes', async () => {
    const report = await files;
    const sums = report.get('SHA256SUMS')!.trim().split('\n');
    expect(sums).toEqual(
      [...report]
        .filter(([name]) => name !== 'SHA256SUMS')
        .map(([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}`),
    );
    const html = report.get('report.html')!;
    for (const line of sums.slice(1)) expect(html).toContain(line.slice(0, 64));
    expect(await filesOf(structuredClone(input))).toEqual(report);
  });
});
