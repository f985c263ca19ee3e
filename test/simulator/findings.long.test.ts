import { type Line, SCENARIOS, tableOf } from '../../sim/findings.ts';

const ROUNDS = 1_000;
/** It ends what hangs: the longest kind takes ten minutes on a busy machine. */
const HANGS_AFTER_MS = 3_600_000;

test.each(Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[])(
  'findings of a thousand made-up rounds hold the truth: %s',
  (name) => {
    const lines: Line[] = SCENARIOS[name](ROUNDS);
    expect(
      tableOf(lines.filter(({ holds }) => !holds))
        .split('\n')
        .slice(2),
    ).toEqual([]);
  },
  HANGS_AFTER_MS,
);
