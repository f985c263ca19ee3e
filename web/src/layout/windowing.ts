/** Which of many equal items are in sight or near it: `from` to `to`, `to` not included. */
export interface Window {
  from: number;
  to: number;
}

/**
 * @param offset how far the container is scrolled
 * @param extent how much of it is visible
 * @param item size of one item
 * @param count number of items
 * @param near items to draw beyond each edge
 */
export function windowOf(offset: number, extent: number, item: number, count: number, near: number): Window {
  const from = Math.max(0, Math.floor(offset / item) - near);
  const to = Math.min(count, Math.ceil((offset + extent) / item) + near);
  return { from: Math.min(from, count), to: Math.max(to, Math.min(from, count)) };
}

/**
 * Columns of a wall that shows `count` equal squares at once, as large as possible.
 * @param least smallest useful size of a square
 * @param most largest useful size of a square
 * @returns columns and the size of a square, gap included
 */
export function wallLayout(
  width: number,
  height: number,
  count: number,
  least: number,
  most: number,
): { columns: number; size: number } {
  const widest = Math.max(1, Math.floor(width / least));
  let columns = 1;
  // More columns make smaller squares. Stop as soon as all fit, or at the smallest useful size.
  while (
    columns < widest &&
    (width / columns > most || Math.ceil(count / columns) * (width / columns) > height)
  )
    columns++;
  return { columns, size: Math.floor(width / columns) };
}

/**
 * How many squares of a cell are in a row: 1 to 4, for 1, 4, 9 or 16 squares in all.
 * @param most more would be too small to read
 */
export const squaresAcross = (tiles: number, most = 4): number =>
  Math.min(most, tiles <= 1 ? 1 : tiles <= 4 ? 2 : tiles <= 9 ? 3 : 4);

/** Rows of squares in a cell. If all cells hold this many tiles, no row is left empty. */
export const squaresDown = (tiles: number, most = 4): number => {
  const across = squaresAcross(tiles, most);
  return Math.min(across, Math.ceil(tiles / across));
};

/**
 * Lines that parts of a text take if none of them is broken.
 * @param lengths characters of each part
 */
export function linesOf(lengths: number[], perLine: number): number {
  let lines = 1;
  let used = 0;
  for (const length of lengths) {
    if (used > 0 && used + length > perLine) {
      lines++;
      used = 0;
    }
    used += length;
  }
  return lines;
}
