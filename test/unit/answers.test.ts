import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readAnswer } from '../../lib/replicate/reading/read.ts';
import { FAMILIES } from '../../lib/replicate/reading/refusals.ts';
import { casesOf, KINDS, type Kind, readingOf, resultOf } from '../support/answers.ts';
import { readings } from '../support/readings.ts';

const TITLES: Record<Kind, string> = {
  refusals: 'a refusal is read as one',
  faults: 'a fault is no refusal, whatever it names or quotes',
  counts: 'what a filter dropped is counted as the sentence says',
  seeds: 'the seed in use is read, or said to be unknown',
  outputs: 'every image of an output is found, and nothing else',
  models: 'what a model says that the rules were not written for is read as it should be',
  wordings: 'another wording is read as it should be',
  unseen: 'a text that was found when the rules were written is read as it should be',
};

describe.each(KINDS)('%s', (kind) => {
  const cases = casesOf(kind).map(
    (given, i) => [`${i + 1}. ${given.family}: ${given.source}`, given] as const,
  );
  test.each(cases)(`${TITLES[kind]}: %s`, async (_name, given) => {
    const read = await readingOf(given);
    if (given.missed) expect(read).not.toEqual(given.expect);
    else expect(read).toEqual(given.expect);
  });
});

test('docs/readings.md shows what npm run readings prints', async () => {
  expect(await readFile('docs/readings.md', 'utf8')).toContain(await readings());
});

describe('a rule for refusals', () => {
  const examples = casesOf('refusals');

  test.each(FAMILIES.map(({ name }) => name))('has an example with a source: %s', async (name) => {
    const own = examples.filter(({ family }) => family === name);
    expect(own.length).toBeGreaterThan(0);
    for (const given of own) expect((await resultOf(given)).reading?.refusal?.family).toBe(name);
  });

  test('stands in the result with the words of the model', async () => {
    const [given] = examples;
    expect(await resultOf(given!)).toMatchObject({
      error: given!.error,
      prediction: { error: given!.error },
      reading: { rules: expect.any(Number), refusal: { family: given!.family, words: given!.error } },
    });
  });
});

const question = (asked: number, ...prompts: string[]) => ({
  inputs: prompts.map((prompt) => ({ prompt })),
  asked,
  returned: 0,
  imageless: true,
});

describe('any answer', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc
      .array(
        fc.constantFrom(
          ...[
            'seed',
            'Using seed:',
            '=',
            '-1',
            '12',
            '99999999999999999999',
            'None',
            '[',
            ']',
            '"',
            "'",
            '\n',
            ' ',
          ],
          ...[
            'NSFW',
            'content',
            'detected',
            'in',
            'image',
            'images',
            'outputs',
            '3',
            'of',
            '4',
            'all',
            'filtered',
          ],
          ...[
            'Prompt:',
            'prompt=',
            'flagged',
            'safety',
            'Traceback (most recent call last):',
            '\u001b[31m',
            '\\n',
          ],
        ),
        { maxLength: 40 },
      )
      .map((words) => words.join(' ')),
  );

  test('is read without an error, and never as more filtered images than were requested', () => {
    fc.assert(
      fc.property(
        text,
        text,
        fc.jsonValue(),
        text,
        fc.integer({ min: 1, max: 8 }),
        (error, logs, said, prompt, asked) => {
          const { filtered, seed } = readAnswer({ error, logs, said }, question(asked, prompt));
          expect(filtered?.count ?? 0).toBeLessThanOrEqual(asked);
          expect(filtered?.count ?? 0).toBeGreaterThanOrEqual(0);
          for (const one of seed?.named ?? []) expect(String(one)).toMatch(/^\d+$/);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('of endless signs of any kind is read within its bounds', () => {
    for (const sign of [
      '"',
      "'",
      '[',
      'seed ',
      'seed: ',
      'prompt="',
      'in 3 images ',
      'a',
      '\\',
      '(',
      'blocked ',
      '0x',
      '1,111',
    ])
      expect(() =>
        readAnswer(
          {
            error: sign.repeat(2_000).slice(0, 2_000),
            logs: sign.repeat(12_000).slice(0, 12_000),
            said: null,
          },
          question(4, sign.repeat(20_000)),
        ),
      ).not.toThrow();
  });
});

describe('the words of a prompt', () => {
  const word = fc.constantFrom(
    ...[
      'a',
      'doctor',
      'nurse',
      'red',
      'sign',
      'that',
      'says',
      'NSFW content detected',
      'in 2 outputs',
      'E005 error',
    ],
    ...[
      'flagged as sensitive',
      'content_policy_violation',
      'using seed: 4711',
      'seed=4711',
      '"seed": 4711',
      'café',
    ],
    ...[
      'rejected by our safety system',
      "it's",
      'PROHIBITED_CONTENT',
      'nsfw_content_detected=[True]',
      '\n',
      '100%',
    ],
  );
  /** Fewer words may be the model's own. */
  const isLong = (text: string) => (text.match(/[\p{L}\p{N}]+/gu) ?? []).length >= 4;
  const prompts = fc
    .array(word, { minLength: 4, maxLength: 12 })
    .map((words) => words.join(' '))
    .filter(isLong);
  /** Ways in which models, loggers and languages repeat a prompt. */
  const echoes: [string, (prompt: string) => string][] = [
    ['as it is', (prompt) => prompt],
    ['in capitals', (prompt) => prompt.toUpperCase()],
    ['as JSON', (prompt) => JSON.stringify({ prompt })],
    ['as JSON inside JSON', (prompt) => JSON.stringify({ body: JSON.stringify({ prompt }) })],
    ['as Python prints it', (prompt) => `prompt='${prompt.replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`],
    ['in an address', (prompt) => `/generate?prompt=${encodeURIComponent(prompt)}`],
    ['a word a line', (prompt) => prompt.replaceAll(/\s+/g, '\n')],
    ['escaped to ASCII', (prompt) => JSON.stringify(prompt).replaceAll('é', '\\u00e9')],
    ['with colors', (prompt) => `\u001b[35m${prompt}\u001b[0m`],
  ];

  test.each(echoes)('make no refusal, no count and no seed when they are repeated %s', (_how, echo) => {
    fc.assert(
      fc.property(prompts, (prompt) => {
        const logs = `Loading the model\nRunning ${echo(prompt)}\nDone in 3.2 s`;
        const error = `ZeroDivisionError while drawing ${echo(prompt)}`;
        const { refusal, filtered, seed } = readAnswer({ error, logs, said: null }, question(4, prompt));
        expect({ refusal, filtered, seed }).toEqual({});
      }),
    );
  });

  test('make no refusal, no count and no seed when they are cut short', () => {
    fc.assert(
      fc.property(prompts, fc.nat(), (prompt, where) => {
        const words = prompt.split(/(?<=\s)/);
        const cut = words.slice(0, Math.max(4, where % words.length)).join('');
        fc.pre(isLong(cut));
        const logs = `Prompt: ${cut.trimEnd().replaceAll('\n', ' ')}…`;
        const { filtered, seed } = readAnswer({ error: null, logs, said: null }, question(4, prompt));
        expect({ filtered, seed }).toEqual({});
      }),
    );
  });

  test('change nothing of what the model says beside them', () => {
    fc.assert(
      fc.property(prompts, fc.constantFrom(...echoes), (prompt, [, echo]) => {
        const logs = `Drawing ${echo(prompt)}\nUsing seed: 5150\nFiltered 2 images due to safety\n`;
        const error = `Drew ${echo(prompt)}\nThe image was blocked by our moderators`;
        expect(readAnswer({ error, logs, said: null }, question(4, prompt))).toMatchObject({
          refusal: { family: 'moderation' },
          filtered: { count: 2 },
          seed: { seed: 5150, named: [5150] },
        });
      }),
    );
  });
});
