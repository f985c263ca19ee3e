import { InvalidArgumentError } from 'commander';

/** Parses a whole number from `least` to `most`. @throws {InvalidArgumentError} for anything else */
export const wholeNumber =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(
        most === Number.MAX_SAFE_INTEGER
          ? `Expected a whole number of at least ${least}.`
          : `Expected a whole number from ${least} to ${most}.`,
      );
    return value;
  };
