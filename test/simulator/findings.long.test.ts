import { type Line, SCENARIOS, tableOf } from '../../sim/findings.ts';

const ROUNDS = 1_000;

test.each(Object.keys(SCENARIOS))('findings of a thousand made-up rounds hold the truth: %s', (name) => {
  const lines: Line[] = SCENARIOS[name]!(ROUNDS);
  expect(
    tableOf(lines.filter(({ holds }) => !holds))
      .split('\n')
      .slice(2),
  ).toEqual([]);
});
