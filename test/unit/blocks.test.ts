import fc from 'fast-check';
import { blockAt, blocksOf, MAX_BLOCK, placeOf } from '../../lib/records/blocks.ts';

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const sizesOf = (cells: number) => blocksOf({ id: AUDIT, cells }).map(({ from, to }) => to - from + 1);
const anyCells = fc.integer({ min: 1, max: 10_000 });

describe('the blocks of an audit', () => {
  it.each([
    [1, [1]],
    [10, [10]],
    [11, [5, 6]],
    [50, [25, 25]],
    [101, [16, 17, 17, 17, 17, 17]],
    [10_000, Array(400).fill(25)],
  ])('of %i cells keep two dispatchers at work to the end', (cells, sizes) => {
    expect(sizesOf(cells)).toEqual(sizes);
  });

  it('hold every cell once, in order', () => {
    fc.assert(
      fc.property(anyCells, (cells) => {
        let next = 0;
        for (const { audit, from, to } of blocksOf({ id: AUDIT, cells })) {
          expect({ audit, from }).toEqual({ audit: AUDIT, from: next });
          expect(to).toBeGreaterThanOrEqual(from);
          next = to + 1;
        }
        expect(next).toBe(cells);
      }),
    );
  });

  it('are even in number, of nearly one size, and none larger than a message may be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 11, max: 10_000 }), (cells) => {
        const sizes = sizesOf(cells);
        expect(sizes.length % 2).toBe(0);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_BLOCK);
      }),
      // Equal sizes rounded up would make fewer blocks of these.
      { examples: [[9_801]] },
    );
  });

  it('are found again from any of their cells', () => {
    fc.assert(
      fc.property(anyCells, fc.nat(9_999), (cells, at) => {
        const plan = { id: AUDIT, cells };
        const cell = at % cells;
        const block = blocksOf(plan).find(({ from, to }) => from <= cell && cell <= to)!;
        expect(blockAt(plan, placeOf(plan, cell))).toEqual(block);
      }),
    );
  });
});
