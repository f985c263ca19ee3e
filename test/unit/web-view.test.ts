import { describe, expect, test } from '@jest/globals';
import type { Prediction } from '../../web/src/api/types.ts';
import { readView, type View, writeView } from '../../web/src/layout/address.ts';
import { linesOf, squaresAcross, squaresDown, wallLayout, windowOf } from '../../web/src/layout/windowing.ts';
import { moveBy, WHOLE, zoomAt } from '../../web/src/layout/zoom.ts';
import { nextPoll } from '../../web/src/live/pace.ts';
import { alignAudits, promptDifferences, settingDifferences } from '../../web/src/model/align.ts';
import { arrange, defaultArrangement, spaceOf } from '../../web/src/model/axes.ts';
import { imagesEach, tilesOf } from '../../web/src/model/tiles.ts';
import { explain, wordFor } from '../../web/src/words/outcomes.ts';
import { plan } from '../support/web-plans.ts';

const space = spaceOf(plan());
const START: View = {
  arrangement: defaultArrangement(space),
  size: 'm',
  oneByOne: false,
  wall: undefined,
  large: undefined,
  pair: [],
  comparing: false,
};

describe('an address', () => {
  test('holds everything that is chosen, and shows the same view to a colleague', () => {
    const view: View = {
      arrangement: arrange(space, 'model', 'f:job', { 'f:gender': 1, sample: 2 }),
      size: 'l',
      oneByOne: true,
      wall: { row: 1, column: 0 },
      large: { n: 7, index: 1 },
      pair: [
        { n: 3, index: 0 },
        { n: 4, index: 2 },
      ],
      comparing: true,
    };
    expect(readView(new URLSearchParams(writeView(view, space).toString()), space)).toEqual(view);
  });

  test('is short if nothing is chosen', () => {
    expect(writeView(START, space).toString()).toBe(`id=${space.plan.id}`);
    expect(readView(new URLSearchParams(`id=${space.plan.id}`), space)).toEqual(START);
  });

  test('shows the default for anything that the audit does not have', () => {
    const query =
      'rows=f:age&columns=nonsense&pin.model=c/three&wall=9.9&image=99999.0&pair=x-1.0&compare=1&size=xxl';
    expect(readView(new URLSearchParams(query), space)).toEqual({ ...START, pair: [{ n: 1, index: 0 }] });
  });
});

describe('two audits side by side', () => {
  const a = plan();
  test('equal prompts and models are paired in any order; the others follow alone', () => {
    const b = plan({
      prompts: [a.prompts[1]!, a.prompts[0]!, { text: 'a teacher' }],
      models: [a.models[1]!],
    });
    const rows = alignAudits(a, b);
    expect(rows[0]).toEqual({
      prompt: 'a female doctor',
      model: 'b/two',
      a: { prompt: 0, model: 1 },
      b: { prompt: 1, model: 0 },
    });
    expect(rows.filter((row) => row.a && row.b)).toHaveLength(2);
    expect(rows.find(({ prompt }) => prompt === 'a teacher')).toMatchObject({ a: undefined });
  });

  test('reworded templates are paired by their factors, and different models by their position', () => {
    const b = plan({
      prompts: a.prompts.map(({ factors }) => ({ text: `portrait: ${factors!.job}`, factors: factors! })),
      models: a.models.map((model) => ({ ...model, model: `${model.model}-new` })),
    });
    const rows = alignAudits(a, b);
    expect(rows).toHaveLength(8);
    expect(rows[0]).toMatchObject({
      prompt: 'a female doctor ↔ portrait: doctor',
      model: 'a/one ↔ a/one-new',
    });
  });

  test('a pair that one audit has not asked is not in it, and one that neither has asked is in no row', () => {
    const b = plan({
      pairs: [
        [0, 0],
        [1, 1],
      ],
    });
    const rows = alignAudits(b, { ...b, pairs: [[0, 0]], cells: 3 });
    expect(rows.map((row) => [row.prompt, row.model, row.a, row.b])).toEqual([
      ['a female doctor', 'a/one', { prompt: 0, model: 0 }, { prompt: 0, model: 0 }],
      ['a female nurse', 'b/two', { prompt: 1, model: 1 }, undefined],
    ]);
  });

  test('audits with one seed and different seeds of their prompts differ in that', () => {
    const what = 'seeds of prompts';
    const [old, own] = ['shared by all prompts', 'different for each prompt'];
    expect(settingDifferences(a, plan({ version: 2 }))).toEqual([{ what, a: old, b: own }]);
    expect(settingDifferences(plan({ version: 2, compare: ['gender'] }), plan({ version: 2 }))).toEqual([
      { what, a: 'shared across gender', b: own },
    ]);
  });

  test('different inputs, versions, seeds and samples are listed, and nothing else', () => {
    const b = plan({
      seed: 2,
      input: { aspect_ratio: '1:1' },
      models: [{ ...a.models[0]!, version: null, input: { steps: 4 } }, a.models[1]!],
    });
    expect(settingDifferences(a, b)).toEqual([
      { what: 'seed', a: '1', b: '2' },
      { what: 'version of a/one', a: 'f'.repeat(64), b: 'undisclosed' },
      { what: 'input aspect_ratio of all models', a: 'not set', b: '1:1' },
      { what: 'input steps of a/one', a: 'not set', b: '4' },
    ]);
    expect(settingDifferences(a, a)).toEqual([]);
  });

  test('an input differs by what each model is given, wherever the design says it', () => {
    const given = plan({ input: { steps: 4 } });
    const said = plan({ models: a.models.map((model) => ({ ...model, input: { steps: 4 } })) });
    expect(settingDifferences(given, said)).toEqual([]);
    const own = plan({ models: a.models.map((model, i) => ({ ...model, input: { steps: 4 + i } })) });
    expect(settingDifferences(given, own)).toEqual([{ what: 'input steps of b/two', a: '4', b: '5' }]);
  });

  test('nothing is said under the name of another model', () => {
    const other = plan({
      models: a.models.map((model, i) => ({ ...model, model: `c/${i}`, version: null, input: { steps: i } })),
    });
    expect(settingDifferences(a, other)).toEqual([
      { what: 'model', a: 'a/one', b: 'c/0' },
      { what: 'model', a: 'b/two', b: 'c/1' },
      { what: 'input steps of a/one ↔ c/0', a: 'not set', b: '0' },
      { what: 'input steps of b/two ↔ c/1', a: 'not set', b: '1' },
    ]);
    // One model twice; the other audit has only the second.
    const one = a.models[0]!;
    const twice = plan({ models: [one, { ...one, input: { steps: 9 } }] });
    const second = plan({ models: [{ ...one, input: { steps: 9 } }] });
    expect(settingDifferences(twice, second)).toEqual([{ what: 'model', a: 'a/one', b: 'none' }]);
    expect(alignAudits(twice, second)[0]).toMatchObject({ a: { model: 1 }, b: { model: 0 } });
  });

  test('prompts that were reworded, and those in only one audit, are listed with both texts', () => {
    const [first, ...rest] = a.prompts;
    const b = plan({
      prompts: [{ ...first!, text: 'portrait of a doctor' }, ...rest.slice(1), { text: 'a cat' }],
    });
    expect(promptDifferences(a, b)).toEqual([
      { what: 'reworded', a: 'a female doctor', b: 'portrait of a doctor' },
      { what: 'only in A', a: 'a female nurse', b: 'none' },
      { what: 'only in B', a: 'none', b: 'a cat' },
    ]);
    expect(promptDifferences(a, a)).toEqual([]);
  });

  test('inputs that name different secrets are told by these names', () => {
    const named = (secret: string) => plan({ input: { key: { secret } } });
    expect(settingDifferences(named('one'), named('two'))).toEqual([
      { what: 'input key of all models', a: 'secret "one"', b: 'secret "two"' },
    ]);
  });
});

describe('tiles', () => {
  const facts = {
    n: 4,
    prompt: 'p',
    model: 'm/m',
    version: 'v',
    sample: 0,
    seed: 1,
    seedSource: 'sent',
  } as const;

  test('an image that a filter withheld has a tile of its own', () => {
    const tiles = tilesOf(4, {
      ...facts,
      status: 'succeeded',
      filtered: 1,
      images: [
        { index: 0, status: 'ok', url: 'u' },
        { index: 1, status: 'quarantined' },
      ],
    });
    expect(tiles.map(({ kind }) => kind)).toEqual(['image', 'quarantined', 'filtered']);
    expect(new Set(tiles.map(({ index }) => index)).size).toBe(3);
  });

  test('a blank picture has a tile of its own and stands for the one that the filter dropped', () => {
    const kinds = (over: Partial<Prediction>) =>
      tilesOf(4, {
        ...facts,
        status: 'succeeded',
        asked: 2,
        returned: 2,
        filtered: 1,
        images: [
          { index: 0, status: 'ok', url: 'u' },
          { index: 1, status: 'ok', url: 'u', blank: true },
        ],
        ...over,
      }).map(({ kind }) => kind);
    expect(kinds({})).toEqual(['image', 'blank']);
    expect(kinds({ filtered: 0 })).toEqual(['image', 'blank']);
    expect(kinds({ filtered: 2 })).toEqual(['image', 'blank', 'filtered']);
    expect(kinds({ asked: 3 })).toEqual(['image', 'blank', 'filtered']);
  });

  test('a quarantined output says why, and one that was judged before reasons were kept says only that', () => {
    const said = (reason: string | undefined) => {
      const [tile] = tilesOf(4, {
        ...facts,
        status: 'succeeded',
        images: [{ index: 0, status: 'quarantined', ...(reason ? { reason } : {}) }],
      });
      return [wordFor(tile!), explain(tile!)];
    };
    expect(said('not an image: HTML')).toEqual([
      'not an image: HTML',
      'This output is unusable and not shown: not an image: HTML.',
    ]);
    expect(said(undefined)).toEqual(['unusable', expect.stringContaining('not a valid image')]);
  });

  test('a refusal is a tile with the words of the model, in a sentence that ends once', () => {
    const [tile] = tilesOf(4, { ...facts, status: 'refused', error: 'NSFW content', images: [] });
    expect(tile!.kind).toBe('refused');
    expect(explain(tile!)).toBe('The model refused: NSFW content.');
    for (const error of ['NSFW content.', 'Flagged. (E005)'])
      expect(explain({ ...tile!, error } as never)).toBe(`The model refused: ${error}`);
  });

  test('a prediction has as many images as its inputs request', () => {
    expect(imagesEach(plan())).toBe(1);
    expect(imagesEach(plan({ input: { num_outputs: 4 } }))).toBe(4);
  });
});

describe('what is rendered', () => {
  test('parts of a text take as many lines as they need unbroken', () => {
    expect([linesOf([], 10), linesOf([4, 6], 10), linesOf([4, 7], 10), linesOf([12, 1], 10)]).toEqual([
      1, 1, 2, 2,
    ]);
  });

  test('of ten thousand rows, only those in sight and next to them', () => {
    expect(windowOf(0, 600, 200, 10_000, 1)).toEqual({ from: 0, to: 4 });
    expect(windowOf(500_000, 600, 200, 10_000, 1)).toEqual({ from: 2499, to: 2504 });
    expect(windowOf(1_999_400, 600, 200, 10_000, 1)).toEqual({ from: 9996, to: 10_000 });
    expect(windowOf(0, 600, 200, 0, 1)).toEqual({ from: 0, to: 0 });
  });

  test('a wall of a hundred is visible at once, as large as fits', () => {
    const { columns, size } = wallLayout(1300, 600, 100, 62, 320);
    expect(Math.ceil(100 / columns) * size).toBeLessThanOrEqual(600);
    expect(Math.ceil(100 / (columns - 1)) * (1300 / (columns - 1))).toBeGreaterThan(600);
    expect(wallLayout(340, 500, 100, 62, 320).size).toBeGreaterThanOrEqual(62);
  });

  test('a cell has room for its tiles, up to sixteen', () => {
    expect([1, 2, 5, 10, 16, 100].map((n) => [squaresAcross(n), squaresDown(n)])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
      [4, 4],
      [4, 4],
    ]);
  });
});

describe('zoom', () => {
  test('the point under the pointer keeps its place', () => {
    const at = { x: 0.25, y: -0.1 };
    const near = zoomAt(WHOLE, 4, at);
    expect(near.scale).toBe(4);
    // The point of the image under the pointer, before and after.
    expect((at.x - near.x) / near.scale).toBeCloseTo(at.x, 10);
    expect((at.y - near.y) / near.scale).toBeCloseTo(at.y, 10);
  });

  test('an image cannot leave its frame', () => {
    expect(zoomAt(zoomAt(WHOLE, 4, { x: 0.5, y: 0.5 }), 0.01)).toEqual(WHOLE);
    expect(moveBy(WHOLE, { x: 3, y: 3 })).toEqual(WHOLE);
    expect(moveBy(zoomAt(WHOLE, 2), { x: 9, y: 0 }).x).toBe(0.5);
    expect(zoomAt(WHOLE, 1e9).scale).toBe(16);
  });
});

describe('polling', () => {
  const pulse = { open: true, onlyManifest: false, hidden: false, quiet: 0, failures: 0 };
  test('is frequent while the audit changes, less so while it does not, rare while the page is hidden', () => {
    expect(nextPoll(pulse)).toBe(2_000);
    expect(nextPoll({ ...pulse, quiet: 3 })).toBeGreaterThan(5_000);
    expect(nextPoll({ ...pulse, quiet: 1_000 })).toBe(20_000);
    expect(nextPoll({ ...pulse, hidden: true })).toBe(60_000);
    expect(nextPoll({ ...pulse, failures: 20 })).toBe(60_000);
  });
  test('ends when nothing is left to poll', () => {
    expect(nextPoll({ ...pulse, open: false })).toBeUndefined();
  });
});
