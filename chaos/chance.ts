import { Draw } from '@weaudit/replicate-stand-in/draw';

/**
 * Seeded chance that does not depend on the order of events: the fault of the second write of a key is drawn from the
 * seed, the key and "second". Runs with the same seed meet the same faults, although functions race.
 */
export class Chance {
  readonly #seed: number;
  readonly #times = new Map<string, number>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Numbers for the next time that this happens to this subject. */
  next(place: string, subject: string): Draw {
    const name = `${place}\u0000${subject}`;
    const time = this.#times.get(name) ?? 0;
    this.#times.set(name, time + 1);
    return new Draw(this.#seed, place, subject, time);
  }

  /** Numbers that are always the same for this subject. */
  of(place: string, subject: string): Draw {
    return new Draw(this.#seed, place, subject);
  }
}

/**
 * Draws one of several faults, or none.
 * @param shares fault → its share of all cases, in percent; their sum is below 100
 */
export function strike<Kind extends string>(draw: Draw, shares: Record<Kind, number>): Kind | undefined {
  let point = draw.unit() * 100;
  for (const [kind, share] of Object.entries(shares) as [Kind, number][]) {
    point -= share;
    if (point < 0) return kind;
  }
  return undefined;
}
