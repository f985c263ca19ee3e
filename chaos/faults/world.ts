import type { Chance } from '../chance.ts';
import type { FaultRecord } from './record.ts';

/** What the faults of one run share. */
export interface World {
  chance: Chance;
  record: FaultRecord;
  /** False: everything passes once, in time. */
  on: boolean;
  /** Things on their way that nobody else counts: delayed events, second webhooks. */
  underWay: number;
}

/** Does something a little later; until then it counts as under way. */
export function later(world: World, milliseconds: number, work: () => unknown): void {
  world.underWay++;
  setTimeout(async () => {
    try {
      await work();
    } catch {
      // A fault that fails has had its effect.
    } finally {
      world.underWay--;
    }
  }, milliseconds);
}
