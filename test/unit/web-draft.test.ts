import { describe, expect, test } from '@jest/globals';
import { parseDesign } from '../../lib/audits/request.ts';
import { DesignFileError } from '../../lib/design-file/error.ts';
import {
  askedBy,
  type Draft,
  EMPTY,
  modelNameOf,
  problemsOf,
  requestOf,
} from '../../web/src/views/new/draft.ts';
import { openFile, openPasted } from '../../web/src/views/new/read-file.ts';
import { EXAMPLES } from '../../web/src/words/examples.ts';

/** What the API makes of a draft. */
const designOf = (draft: Draft) => parseDesign(JSON.stringify(requestOf(draft)));
const opened = (name: string, content: string): Draft => ({
  ...{ ...EMPTY, models: ['a/one', 'b/two'] },
  ...openFile(Buffer.from(content), name),
});

describe('the form for a new audit', () => {
  test('every example with a model is accepted by the API, with the prompts that the form shows', () => {
    for (const { draft: example } of EXAMPLES) {
      const draft = { ...EMPTY, models: ['simulated/portrait'], ...example };
      expect(problemsOf(draft)).toEqual([]);
      const design = parseDesign(JSON.stringify(requestOf(draft)));
      const { prompts, merged } = askedBy(draft);
      expect([design.prompts, merged]).toEqual([prompts, 0]);
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
    expect(problemsOf(EMPTY)).toEqual([
      { field: 'prompts', text: 'Enter at least one prompt.' },
      { field: 'models', text: 'Choose at least one model.' },
    ]);
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
      { field: 'factor-job', text: 'Enter at least one value for job.' },
      { field: 'samples', text: 'Samples must be a whole number from 1 to 1,000.' },
      { field: 'input', text: 'Inputs must be a JSON object, for example {"aspect_ratio": "1:1"}.' },
    ]);
    const many = {
      ...EMPTY,
      prompts: 'a\nb\nc',
      models: ['a/one', 'b/two', 'c/three', 'd/four'],
      samples: 1000,
    };
    expect(problemsOf(many).map(({ text }) => text)).toEqual([
      'An audit can have 10,000 predictions; these are 12,000. Use fewer samples, or make a study of several audits: save the prompts as prompts.txt, one in each line, and run this in a terminal: npx weaudit run prompts.txt --model a/one --model b/two --model c/three --model d/four --samples 1000 --study "My study"',
    ]);
    const twice = {
      ...EMPTY,
      way: 'template',
      template: 'a {job}',
      factors: { job: 'nurse\nnurse' },
    } as const;
    expect(problemsOf({ ...twice, models: ['a/one'] }).map(({ text }) => text)).toEqual([
      'Remove one “\u2068nurse\u2069”: job has it twice.',
    ]);
  });

  test('a design that is too large comes with the command that runs it as a study', () => {
    const rows = Array.from({ length: 1_001 }, (_, n) => `prompt ${n}`);
    const said = (draft: Partial<Draft>) =>
      problemsOf({ ...EMPTY, models: ['a/one', 'b/two'], samples: 4, ...draft })[0]?.text;
    const table = openFile(
      Buffer.from(`prompt,job\n${rows.map((row) => `${row},j`).join('\n')}`),
      'my jobs.csv',
    );
    expect(said({ ...table, compare: ['job'], name: 'Jobs $1' })).toBe(
      'An audit can have 1,000 prompts; these are 1,001. Remove some, or make a study of several audits: run this in a terminal: npx weaudit run "my jobs.csv" --model a/one --model b/two --samples 4 --compare job --study "Jobs \\$1"',
    );
    expect(said({ prompts: rows.join('\n') })).toContain(
      'save the prompts as prompts.txt, one in each line, and run this in a terminal: npx weaudit run prompts.txt --model',
    );
    expect(
      said({
        ...openPasted(`prompt\tjob\n${rows.map((row) => `${row}\tj`).join('\n')}`, 'The pasted table'),
      }),
    ).toContain(
      'save the table as prompts.csv, and run this in a terminal: npx weaudit run prompts.csv --model',
    );
    const template = { way: 'template', template: 'a {job}', factors: { job: 'cook\nnurse' } } as const;
    expect(said({ ...template, samples: 5_000 })).toMatch(/^Samples must be/);
    expect(
      problemsOf({
        ...EMPTY,
        ...template,
        models: Array.from({ length: 11 }, (_, n) => `a/m${n}`),
        samples: 500,
      })[0]?.text,
    ).toMatch(
      /these are 11,000\. Use fewer samples, or .* npx weaudit run --template "a \{job\}" --factor "job=cook,nurse" --model a\/m0 .*--samples 500 --study "My study"$/,
    );
  });

  test('models have the names that Replicate gives them, and a pasted address is the model whose page it is', () => {
    const version = '0123abcd'.repeat(8);
    expect(modelNameOf('black-forest-labs/flux-dev')).toBe('black-forest-labs/flux-dev');
    expect(modelNameOf(` a/b:${version} `)).toBe(`a/b:${version}`);
    for (const address of [
      'https://replicate.com/a/b',
      'http://www.replicate.com/a/b/',
      'replicate.com/a/b?input=json#run',
      'https://replicate.com/a/b/api/schema',
    ])
      expect(modelNameOf(address)).toBe('a/b');
    expect(modelNameOf(`https://replicate.com/a/b/versions/${version}`)).toBe(`a/b:${version}`);
    expect(modelNameOf(`https://replicate.com/a/b/versions/${version}/api`)).toBe(`a/b:${version}`);
    for (const text of [
      'flux-dev',
      'https://replicate.com/a',
      'https://elsewhere.com/a/b',
      'https://replicate.com',
    ])
      expect(modelNameOf(text)).toBeUndefined();
  });

  test('each prompt of a list is requested once, and the form says how many lines repeat one', () => {
    const draft = { ...EMPTY, prompts: 'a\nb\n a \nb', models: ['a/one'], samples: 2 };
    expect(askedBy(draft)).toMatchObject({ prompts: [{ text: 'a' }, { text: 'b' }], merged: 2 });
    expect(requestOf(draft).prompts).toEqual(['a', 'b']);
  });
});

describe('a file that is opened in the form', () => {
  test('a table keeps its rows, factors and pairs, and the API reads what the form shows', () => {
    const table = 'prompt;Group;share;model\na nurse ;f;0.87;a/one\na doctor;m;0.38;\na nurse;f;0.87;a/one\n';
    const draft = { ...opened('table.csv', table), compare: ['Group', 'gone'], reference: 'share' };
    expect(draft).toMatchObject({
      way: 'table',
      opened: { name: 'table.csv', notes: [/./, /./].map(() => expect.any(String)) },
    });
    const asked = askedBy(draft);
    expect(asked).toMatchObject({ factors: ['Group', 'share'], numeric: ['share'], needsModels: true });
    expect(asked.pairs).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
    const design = designOf(draft);
    expect(design).toMatchObject({
      prompts: asked.prompts,
      pairs: asked.pairs!,
      compare: ['Group'],
      reference: 'share',
    });
    expect(problemsOf(draft)).toEqual([]);
  });

  test('a table whose rows all name their model asks for no other', () => {
    const draft = opened('pairs.csv', 'prompt,model\ndoctor,x/flash\nnurse,x/portrait\n');
    expect(askedBy(draft)).toMatchObject({
      needsModels: false,
      pairs: [
        [0, 0],
        [1, 1],
      ],
    });
    expect(designOf(draft)).toMatchObject({ models: [{ model: 'x/flash' }, { model: 'x/portrait' }] });
  });

  test('a list fills the box, unless a prompt has a line break; a pasted table is a table', () => {
    expect(opened('list.txt', 'a\nb\na\n')).toMatchObject({ way: 'prompts', prompts: 'a\nb', table: [] });
    expect(opened('list.csv', 'prompt\n"a\nb"\n')).toMatchObject({ way: 'table', table: [{ text: 'a\nb' }] });
    expect(openPasted('group\tprompt\nf\ta "5" doll\n', 'it')).toMatchObject({
      table: [{ text: 'a "5" doll', factors: { group: 'f' } }],
    });
  });

  test('a whole design fills the form and comes out as it was', () => {
    const design = {
      ...{ name: 'Jobs', template: 'a {size} {job}', factors: { size: ['tall', 'small'], job: ['nurse'] } },
      ...{ models: ['x/y', { model: 'x/z' }], samples: 3, seed: 7, retention: 'keep', maxCost: 2.5 },
      ...{ compare: ['size'], input: { width: 512 } },
    };
    const draft = opened('design.json', JSON.stringify(design));
    expect(problemsOf(draft)).toEqual([]);
    expect(requestOf(draft)).toEqual({ ...design, models: ['x/y', 'x/z'] });
  });

  test('a template with a line break in a value is a table of its prompts, because the form has a value in each line', () => {
    const design = {
      template: 'a {sign}',
      factors: { sign: ['stop\nhere', 'go'] },
      models: ['x/y'],
      samples: 1,
    };
    const draft = opened('sign.json', JSON.stringify(design));
    expect(problemsOf(draft)).toEqual([]);
    expect(designOf(draft).prompts).toEqual(parseDesign(JSON.stringify(design)).prompts);
  });

  test('what the form cannot hold, or the API would refuse, is refused by name', () => {
    const both = { prompts: ['a'], template: 'a {b}', factors: { b: ['c'] } };
    expect(() => opened('both.json', JSON.stringify(both))).toThrow(/both\.json.*prompts and a template/);
    const own = { prompts: ['a'], models: [{ model: 'x/y', input: { width: 512 } }] };
    expect(() => opened('own.json', JSON.stringify(own))).toThrow(/own\.json.*“.*x\/y.*command line/);
    expect(() => opened('wrong.json', '{"prompts":["a"],"samples":"many"}')).toThrow(
      /wrong\.json.*"samples" must be a number/,
    );
    expect(() => opened('typo.json', '{"prompts":["a"],"sample":4}')).toThrow(
      /"sample" is not a known field/,
    );
    expect(() => opened('none.json', '{"samples":4}')).toThrow(/no prompts/);
    const latin1 = () => openFile(Buffer.from('prompt\n\xc4rztin\n', 'latin1'), 'old.csv');
    expect(latin1).toThrow(DesignFileError);
    expect(openFile(Buffer.from('prompt\n\xc4rztin\n', 'latin1'), 'old.csv', 'windows-1252')).toMatchObject({
      prompts: 'Ärztin',
    });
  });
});
