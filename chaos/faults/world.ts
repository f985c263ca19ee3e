import type { Chance } from '../chance.ts';
import type { FaultRecord } from './record.ts';

/** What the faults of one run share. */
export interface World {
  chance: Chance;
  record: FaultRecord;
  /** False: no more faults. */
  on: boolean;
  /** Called with the key of the function for each request that a function sends to S3. */
  onRequest: (functionKey: string) => void;
  /** Delayed events and second webhooks that are under way. */
  underWay: number;
}

/** Does something later. Until then it counts as under way. */
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
