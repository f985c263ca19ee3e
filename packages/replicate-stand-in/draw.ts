import { createHash } from 'node:crypto';

/**
 * Numbers that look random and are the same for the same words: pictures, ids and durations are drawn with it, so
 * that a run can be repeated. The generator is sfc32, started from a SHA-256 of the words.
 */
export class Draw {
  #a: number;
  #b: number;
  #c: number;
  #count: number;

  constructor(...words: (string | number)[]) {
    const hash = createHash('sha256').update(words.join('\u0000')).digest();
    this.#a = hash.readInt32LE(0);
    this.#b = hash.readInt32LE(4);
    this.#c = hash.readInt32LE(8);
    this.#count = hash.readInt32LE(12);
  }

  /** An integer from 0 to 2³²−1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to, not including, 1. */
  unit(): number {
    return this.next() / 0x1_0000_0000;
  }

  between(from: number, to: number): number {
    return from + this.unit() * (to - from);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.unit() * choices.length)] as T;
  }

  /** Text of a length, of these letters. */
  text(length: number, letters: string): string {
    return Array.from({ length }, () => letters[Math.floor(this.unit() * letters.length)]).join('');
  }
}
