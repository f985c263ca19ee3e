/** Keeps the most recently used values, up to a budget. */
export class Recent<T> {
  readonly #entries = new Map<string, { value: T; size: number }>();
  readonly #budget: number;
  readonly #onEvict: (value: T) => void;
  #total = 0;

  /** @param budget the most that the sizes of all entries may add up to */
  constructor(budget: number, onEvict: (value: T) => void = () => {}) {
    this.#budget = budget;
    this.#onEvict = onEvict;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** An entry larger than the whole budget is kept alone until the next one arrives. */
  set(key: string, value: T, size: number): void {
    this.delete(key);
    this.#entries.set(key, { value, size });
    this.#total += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#total <= this.#budget || oldest === key) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#total -= entry.size;
    this.#onEvict(entry.value);
  }
}
