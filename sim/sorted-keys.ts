/** Keys of a chunk before it is cut in two. */
const CHUNK = 512;

/** A set of texts in their order, cheap to grow to hundreds of thousands. */
export class SortedKeys {
  readonly #chunks: string[][] = [[]];

  add(key: string): void {
    const chunk = this.#chunkOf(key);
    const keys = this.#chunks[chunk]!;
    const place = placeOf(keys, key);
    if (keys[place] === key) return;
    keys.splice(place, 0, key);
    if (keys.length > CHUNK) this.#chunks.splice(chunk, 1, keys.slice(0, CHUNK / 2), keys.slice(CHUNK / 2));
  }

  delete(key: string): void {
    const chunk = this.#chunkOf(key);
    const keys = this.#chunks[chunk]!;
    const place = placeOf(keys, key);
    if (keys[place] !== key) return;
    keys.splice(place, 1);
    if (keys.length === 0 && this.#chunks.length > 1) this.#chunks.splice(chunk, 1);
  }

  /** All from `first` on, that one included. */
  *from(first: string): Generator<string> {
    for (let chunk = this.#chunkOf(first), place = -1; chunk < this.#chunks.length; chunk++, place = 0) {
      const keys = this.#chunks[chunk]!;
      for (let i = place === -1 ? placeOf(keys, first) : 0; i < keys.length; i++) yield keys[i]!;
    }
  }

  /** The last chunk whose first key is not behind this one. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chunks[middle]![0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Where a key is, or would be. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
