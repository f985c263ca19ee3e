import { describe, expect, test } from '@jest/globals';
import { equalOf } from '../../lib/contract/counted.ts';
import { countCells, numberOf, placeOf } from '../../lib/records/pairs.ts';
import type { Plan, Prediction } from '../../web/src/api/types.ts';
import { arrange, cellsAt, spaceOf } from '../../web/src/model/axes.ts';
import { factsOf } from '../../web/src/model/facts.ts';
import { outcomeOf } from '../../web/src/model/rates.ts';
import { tilesOf } from '../../web/src/model/tiles.ts';
import { equalSaid, explain } from '../../web/src/words/outcomes.ts';
import { plan } from '../support/web-plans.ts';

/** An import on the page: prompts with 3, 1 and 2 pictures. */

const { seed: _, ...rest } = plan({
  source: 'imported',
  createdBy: 'alice',
  samples: 3,
  counts: [3, 1, 2],
  prompts: ['a doctor', 'a nurse', 'a chef'].map((text) => ({ text })),
  models: [{ model: 'midjourney v7', version: null, input: {}, inputs: null, seed: 'unknown' }],
});
const imported: Plan = rest;
const prediction = (over: Partial<Prediction>): Prediction => ({
  ...{ n: 3, prompt: 'a nurse', model: 'midjourney v7', version: 'undisclosed', sample: 0, seed: null },
  ...{ seedSource: 'unknown', source: 'imported', status: 'succeeded', images: [] },
  ...over,
});

describe('cells of prompts with different numbers of pictures', () => {
  test('have the numbers of the pictures that there are, and no others', () => {
    expect(imported.cells).toBe(6);
    const places = Array.from({ length: 6 }, (_, n) => placeOf(imported, n)!);
    expect(places.map(({ prompt, sample }) => [prompt, sample])).toEqual([
      ...[
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 0],
        [2, 0],
        [2, 1],
      ],
    ]);
    for (const [n, place] of places.entries()) expect(numberOf(imported, place)).toBe(n);
    expect(placeOf(imported, 6)).toBeUndefined();
    expect(numberOf(imported, { prompt: 1, model: 0, sample: 1 })).toBeUndefined();
    expect(countCells(imported)).toBe(6);
  });

  test('stand in the grid below their prompt, and a sample that a prompt does not have is nowhere', () => {
    const space = spaceOf(imported);
    const byModel = arrange(space, 'prompt', 'model', {});
    expect([0, 1, 2].map((row) => cellsAt(space, byModel, row, 0))).toEqual([[0, 1, 2], [3], [4, 5]]);
    const bySample = arrange(space, 'prompt', 'sample', { model: 0 });
    expect([0, 1, 2].map((column) => cellsAt(space, bySample, 1, column))).toEqual([[3], [], []]);
  });
});

describe('what is said of an imported picture', () => {
  test('who imported it, and nothing of seeds, versions or requests', () => {
    const facts = factsOf(imported, prediction({ images: [{ index: 0, status: 'ok', url: 'u' }] }), 0);
    const said = Object.fromEntries(facts.map(({ name, value }) => [name, value]));
    expect(said).toMatchObject({
      Source: expect.stringMatching(/^Imported by .?alice.?$/),
      Sample: '1 of 1',
    });
    for (const name of ['Seed', 'Version', 'Requested', 'Images']) expect(said).not.toHaveProperty(name);
  });

  test('why it is not there, without a word about a model', () => {
    const said = (over: Partial<Prediction>) => explain(tilesOf(3, prediction(over))[0]!);
    expect(said({ status: 'waiting' })).toBe('This picture has not been uploaded yet.');
    const error = 'the picture with the SHA-256 ab was not uploaded within three days';
    expect(said({ status: 'failed', error })).toBe(`Not imported: ${error}.`);
    expect(said({ images: [{ index: 0, status: 'quarantined', reason: 'truncated' }] })).toBe(
      'This picture is unusable and not shown: truncated.',
    );
    expect(said({ images: [{ index: 0, status: 'ok', url: 'u', blank: true }] })).toBe(
      'This picture is one even area.',
    );
  });

  test('no share of refusals, which nobody knows, and no seed that equal files would speak of', () => {
    const images = [{ index: 0, status: 'ok' as const, url: 'u', sha256: 'a' }];
    const group = [prediction({ images }), prediction({ n: 4, images })];
    expect(outcomeOf(group)).toMatchObject({ refused: undefined, finished: 2, images: { ok: 2 } });
    expect(equalSaid(equalOf(group)!)).toBe('2 of 2 are the same file');
    const requested = group.map(({ source: _, ...one }) => one);
    expect(equalSaid(equalOf(requested)!)).toBe(
      '2 of 2 are the same file: the seed made no difference between them',
    );
  });
});
