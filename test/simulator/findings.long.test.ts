import { type Line, SCENARIOS, tableOf } from '../../sim/findings.ts';

/** A quarter of what `npm run sim:findings` plays, which takes minutes. */
const ROUNDS = 250;

test.each(Object.keys(SCENARIOS))('findings of made-up rounds hold the truth: %s', (name) => {
  const lines: Line[] = SCENARIOS[name]!(ROUNDS);
  expect(
    tableOf(lines.filter(({ holds }) => !holds))
      .split('\n')
      .slice(2),
  ).toEqual([]);
});
