import { fiftyAudits } from '../../sim/money-worlds.ts';
import { play } from '../../sim/run.ts';
import { deployedStack } from '../../sim/stack.ts';

const SEEDS = 20;

test('of fifty audits at once that want several times the budget, with deaths everywhere, what fits is accepted, is never above it, and nothing stays reserved', async () => {
  const stack = await deployedStack();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violations, figures } = await play(fiftyAudits(seed), seed, stack);
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect(figures.deaths).toBeGreaterThan(50);
    expect(figures.unaffordable).toBeGreaterThan(0);
    expect(figures.budgetUsed).toBeGreaterThan(0.95);
  }
});
