import { describe, expect, test } from '@jest/globals';
import { parseDesign } from '../../lib/audits/request.ts';
import { EMPTY, isModelName, problemsOf, promptsOf, requestOf } from '../../web/src/views/new/draft.ts';
import { EXAMPLES } from '../../web/src/words/examples.ts';

describe('the form for a new audit', () => {
  test('every example with a model is accepted by the API, with the prompts that the form shows', () => {
    for (const { draft: example } of EXAMPLES) {
      const draft = { ...EMPTY, models: ['simulated/portrait'], ...example };
      expect(problemsOf(draft)).toEqual([]);
      const design = parseDesign(JSON.stringify(requestOf(draft)));
      expect(design.prompts.map(({ text }) => text)).toEqual(promptsOf(draft).prompts);
    }
  });

  test('seed, inputs and name are sent as the API expects them', () => {
    const draft = {
      ...EMPTY,
      prompts: ' a doctor \n\n a nurse',
      models: ['a/one'],
      seed: '42',
      input: '{"aspect_ratio":"1:1"}',
      name: ' Jobs ',
    };
    expect(parseDesign(JSON.stringify(requestOf(draft)))).toMatchObject({
      name: 'Jobs',
      seed: 42,
      input: { aspect_ratio: '1:1' },
      prompts: [{ text: 'a doctor' }, { text: 'a nurse' }],
    });
  });

  test('each problem is a sentence that says what to change', () => {
    expect(problemsOf(EMPTY)).toEqual(['Enter at least one prompt.', 'Choose at least one model.']);
    expect(
      problemsOf({
        ...EMPTY,
        way: 'template',
        template: 'a {job}',
        models: ['a/one'],
        samples: 0,
        input: '[',
      }),
    ).toEqual([
      'Enter at least one value for job.',
      'Samples must be a whole number from 1 to 1,000.',
      'Inputs must be a JSON object, for example {"aspect_ratio": "1:1"}.',
    ]);
    const many = {
      ...EMPTY,
      prompts: 'a\nb\nc',
      models: ['a/one', 'b/two', 'c/three', 'd/four'],
      samples: 1000,
    };
    expect(problemsOf(many)).toEqual([
      'An audit can have 10,000 predictions; these are 12,000. Use fewer samples, or split the audit.',
    ]);
    const twice = {
      ...EMPTY,
      way: 'template',
      template: 'a {job}',
      factors: { job: 'nurse\nnurse' },
    } as const;
    expect(problemsOf({ ...twice, models: ['a/one'] })).toEqual([
      'Remove one “\u2068nurse\u2069”: job has it twice.',
    ]);
  });

  test('models have the names that Replicate gives them', () => {
    expect(isModelName('black-forest-labs/flux-dev')).toBe(true);
    expect(isModelName(`a/b:${'0'.repeat(64)}`)).toBe(true);
    expect(isModelName('flux-dev')).toBe(false);
    expect(isModelName('https://replicate.com/a/b')).toBe(false);
  });
});
