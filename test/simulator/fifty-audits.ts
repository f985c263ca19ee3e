import { fiftyAudits } from '../../sim/money-worlds.ts';
import { play } from '../../sim/run.ts';
import { deployedStack } from '../../sim/stack.ts';

/** Fifty audits at once that want several times the budget, in so many worlds. */
export async function playFiftyAudits(from: number, to: number): Promise<void> {
  const stack = await deployedStack();
  for (let seed = from; seed <= to; seed++) {
    const { violations, figures } = await play(fiftyAudits(seed), seed, stack);
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect(figures.deaths).toBeGreaterThan(50);
    expect(figures.unaffordable).toBeGreaterThan(0);
    expect(figures.budgetUsed).toBeGreaterThan(0.95);
  }
}
