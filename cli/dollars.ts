import { InvalidArgumentError } from 'commander';

/** Parses an amount of dollars. Commands check its range. @throws {InvalidArgumentError} for anything else */
export function dollars(text: string): number {
  if (!/^\d+(\.\d{1,6})?$/.test(text))
    throw new InvalidArgumentError(
      'Expected dollars, such as 100 or 0.04, with at most six digits after the point.',
    );
  return Number(text);
}
