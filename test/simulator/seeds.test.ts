import { everythingAtOnce } from '../../sim/everything.ts';
import { MUTANTS } from '../../sim/mutants.ts';
import { play } from '../../sim/run.ts';
import { deployedStack } from '../../sim/stack.ts';

const stack = await deployedStack();

test('200 worlds in which everything goes wrong break no promise', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { violations } = await play(everythingAtOnce(seed, 40), seed, stack);
    expect({ seed, violations }).toEqual({ seed, violations: [] });
  }
});

test('a seed plays the same world every time, and another seed another one', async () => {
  const hashOf = async (seed: number) => (await play(everythingAtOnce(seed), seed, stack)).hash;
  const [first, again, other] = [await hashOf(7), await hashOf(7), await hashOf(8)];
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

// The whole table takes minutes: `npm run sim:mutants`.
test.each([
  'a dispatcher sees no bindings in a LIST',
  'a result comes before its images',
  'a download is cut and nobody notices',
  'a rate limit ends the cell',
  'a failure marker is left out',
  'backup copies nothing',
  'reconcile may not delete',
])('a planted fault is found: %s', async (name) => {
  const found = async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { violations } = await play(everythingAtOnce(seed, 40), seed, stack, { plant: MUTANTS[name] });
      if (violations[0]) return violations[0].promise;
    }
    return undefined;
  };
  expect(await found()).toEqual(expect.any(String));
});
