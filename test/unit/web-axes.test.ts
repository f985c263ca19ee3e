import { describe, expect, test } from '@jest/globals';
import {
  arrange,
  canCross,
  cellsAt,
  defaultArrangement,
  dimensionOf,
  pinnable,
  pivot,
  placeOf,
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
