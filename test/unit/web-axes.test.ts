import { describe, expect, test } from '@jest/globals';
import {
  arrange,
  canCross,
  cellsAt,
  defaultArrangement,
  dimensionOf,
  mostInCell,
  pinnable,
  pivot,
  placeOf,
  poolsSeeds,
  referenceAt,
  spaceOf,
  valueAt,
} from '../../web/src/model/axes.ts';
import { plan } from '../support/web-plans.ts';

const space = spaceOf(plan());
const simple = spaceOf(plan({ prompts: [{ text: 'a doctor' }, { text: 'a nurse' }] }));

describe('the dimensions of an audit', () => {
  test('factors come first, then prompt, model and sample', () => {
    expect(space.dimensions.map(({ id }) => id)).toEqual(['f:gender', 'f:job', 'prompt', 'model', 'sample']);
    expect(dimensionOf(space, 'f:job').values).toEqual(['doctor', 'nurse']);
  });

  test('a model that is in the audit twice has two names', () => {
    const model = plan().models[0]!;
    const twice = spaceOf(plan({ models: [model, { ...model, input: { steps: 4 } }] }));
    expect(dimensionOf(twice, 'model').values).toEqual(['a/one #1', 'a/one #2']);
  });

  test('the default is two factors of one model, or prompts by models without factors', () => {
    expect(defaultArrangement(space)).toEqual({
      rows: 'f:gender',
      columns: 'f:job',
      pins: { model: 0, sample: 'all' },
    });
    expect(defaultArrangement(simple)).toEqual({ rows: 'prompt', columns: 'model', pins: { sample: 'all' } });
  });

  test('prompt and factor cannot be crossed, because factors decide the prompt', () => {
    expect(canCross('prompt', 'f:job')).toBe(false);
    expect(canCross('f:gender', 'f:job')).toBe(true);
    expect(pinnable(space, 'prompt', 'model').map(({ id }) => id)).toEqual(['sample']);
    expect(pinnable(space, 'model', 'sample').map(({ id }) => id)).toEqual(['f:gender', 'f:job']);
    expect(pinnable(simple, 'model', 'sample').map(({ id }) => id)).toEqual(['prompt']);
  });

  test('an impossible arrangement is replaced by a possible one', () => {
    const found = arrange(space, 'f:job', 'f:job', { model: 7, sample: 2 });
    expect(found.columns).not.toBe('f:job');
    expect(arrange(space, 'f:gender', 'f:job', { model: 7, sample: 2 }).pins).toEqual({
      model: 0,
      sample: 2,
    });
  });
});

describe('the cells of an arrangement', () => {
  test('a cell of two factors and one model holds its samples', () => {
    expect(cellsAt(space, defaultArrangement(space), 1, 0)).toEqual([12, 13, 14]);
  });

  test('every prediction is in exactly one cell if nothing is pinned', () => {
    for (const [rows, columns] of [
      ['f:gender', 'model'],
      ['sample', 'f:job'],
      ['prompt', 'sample'],
    ] as const) {
      const base = arrange(space, rows, columns, {});
      const pins = Object.fromEntries(Object.keys(base.pins).map((id) => [id, 'all'] as const));
      const found = dimensionOf(space, rows).values.flatMap((_, row) =>
        dimensionOf(space, columns).values.flatMap((_, column) =>
          cellsAt(space, { rows, columns, pins }, row, column),
        ),
      );
      expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: space.plan.cells }, (_, n) => n));
    }
  });

  test('a pinned sample has the same seed for all models', () => {
    const arrangement = arrange(space, 'f:job', 'model', { 'f:gender': 0, sample: 1 });
    expect([0, 1].map((column) => cellsAt(space, arrangement, 0, column))).toEqual([[1], [4]]);
  });

  test('the position of a cell follows the plan', () => {
    expect(placeOf(space.plan, 16)).toEqual({ prompt: 2, model: 1, sample: 1 });
    expect(valueAt(space, 'f:gender', 16)).toBe(1);
    expect(valueAt(space, 'f:job', 16)).toBe(0);
    expect(valueAt(space, 'sample', 16)).toBe(1);
  });

  test('swapping rows and columns twice changes nothing', () => {
    const start = defaultArrangement(space);
    expect(pivot(space, start)).toMatchObject({ rows: 'f:job', columns: 'f:gender' });
    expect(pivot(space, pivot(space, start))).toEqual(start);
  });
});

describe('prompts as rows of a table', () => {
  /** `a tree` has no factors, and only doctors have been asked of both models. */
  const rows = spaceOf(
    plan({
      version: 2,
      reference: 'share',
      prompts: [
        { text: 'a doctor', factors: { job: 'doctor', set: 'x', share: '0.4' } },
        { text: 'a nurse', factors: { job: 'nurse', share: '0.87' } },
        { text: 'a tree' },
      ],
      pairs: [
        [0, 0],
        [0, 1],
        [1, 1],
        [2, 0],
      ],
    }),
  );

  test('factors that only some prompts have are dimensions, with a value for the others', () => {
    expect(dimensionOf(rows, 'f:job').values).toEqual(['doctor', 'nurse', '(no job)']);
    expect(dimensionOf(rows, 'f:set').values).toEqual(['x', '(no set)']);
  });

  test('a reference is no dimension, and is shown beside what it belongs to', () => {
    expect(rows.dimensions.map(({ id }) => id)).toEqual(['f:job', 'f:set', 'prompt', 'model', 'sample']);
    expect(referenceAt(rows, 'prompt', 1)).toBe('share 0.87');
    expect(referenceAt(rows, 'f:job', 0)).toBe('share 0.4');
    // Two prompts with different numbers, and one without any.
    expect(referenceAt(rows, 'f:set', 1)).toBeUndefined();
    expect(referenceAt(rows, 'f:job', 2)).toBeUndefined();
    expect(referenceAt(rows, 'model', 0)).toBeUndefined();
  });

  test('every prediction is in exactly one cell, and a model that was not asked has none', () => {
    for (const [across, down] of [
      ['f:job', 'model'],
      ['prompt', 'model'],
      ['f:set', 'f:job'],
      ['sample', 'f:set'],
    ] as const) {
      const base = arrange(rows, across, down, {});
      const pins = Object.fromEntries(Object.keys(base.pins).map((id) => [id, 'all'] as const));
      const found = dimensionOf(rows, across).values.flatMap((_, row) =>
        dimensionOf(rows, down).values.flatMap((_, column) =>
          cellsAt(rows, { rows: across, columns: down, pins }, row, column),
        ),
      );
      expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n));
    }
    const shown = arrange(rows, 'prompt', 'model', {});
    expect(cellsAt(rows, shown, 1, 0)).toEqual([]);
    expect(cellsAt(rows, shown, 1, 1)).toEqual([6, 7, 8]);
    expect(mostInCell(rows, shown)).toBe(3);
  });

  test('factors that are not crossed start with every prompt in sight', () => {
    expect(defaultArrangement(rows)).toMatchObject({ rows: 'prompt', columns: 'model' });
    expect(arrange(rows, 'model', 'sample', {}).pins).toEqual({ 'f:job': 'all', 'f:set': 'all' });
    expect(arrange(space, 'model', 'sample', {}).pins).toEqual({ 'f:gender': 0, 'f:job': 0 });
  });

  test('a factor named like a member of every object belongs to those that have it', () => {
    const odd = spaceOf(
      plan({
        prompts: [
          { text: 'a', factors: { toString: 'x' } },
          { text: 'b', factors: {} },
        ],
      }),
    );
    expect(dimensionOf(odd, 'f:toString').values).toEqual(['x', '(no toString)']);
    expect(odd.promptFactors).toEqual([[0], [1]]);
  });

  test('pictures with the same seeds are pooled by rows in plans without a version, and across what is compared', () => {
    const { prompts } = space.plan;
    expect(poolsSeeds(space, 'f:job')).toBe(true);
    expect(poolsSeeds(spaceOf(plan({ version: 2 })), 'model')).toBe(false);
    const groups = [0, 1, 0, 1];
    const compared = spaceOf(plan({ version: 2, prompts, compare: ['gender'], groups }));
    expect(poolsSeeds(compared, 'f:gender')).toBe(false);
    expect(poolsSeeds(compared, 'f:job')).toBe(true);
    expect(poolsSeeds(compared, 'model')).toBe(true);
    expect(poolsSeeds(compared, 'prompt')).toBe(false);
  });
});
