/** Which of many equal items lie in or near what is seen: `from` to `to`, `to` not included. */
export interface Window {
  from: number;
  to: number;
}

/**
 * @param offset how far is scrolled
 * @param extent how much is seen
 * @param item size of one item
 * @param count how many there are
 * @param near items to draw beyond each edge
 */
export function windowOf(offset: number, extent: number, item: number, count: number, near: number): Window {
  const from = Math.max(0, Math.floor(offset / item) - near);
  const to = Math.min(count, Math.ceil((offset + extent) / item) + near);
  return { from: Math.min(from, count), to: Math.max(to, Math.min(from, count)) };
}

/**
 * Columns of a wall on which `count` equal squares are seen at once, as large as they can be.
 * @param least smallest size of a square that still shows something
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
  // More columns make smaller squares; stop at the first at which all fit, or at the smallest useful size.
  while (
    columns < widest &&
    (width / columns > most || Math.ceil(count / columns) * (width / columns) > height)
  )
    columns++;
  return { columns, size: Math.floor(width / columns) };
}

/**
 * How many squares of a cell lie in a row, so that a cell looks the same whatever it holds: 1, 4, 9 or 16.
 * @param most more than these would be too small to read
 */
export const squaresAcross = (tiles: number, most = 4): number =>
  Math.min(most, tiles <= 1 ? 1 : tiles <= 4 ? 2 : tiles <= 9 ? 3 : 4);

/** Rows of squares that a cell has room for: none is left empty where all cells hold as much as this one. */
export const squaresDown = (tiles: number, most = 4): number => {
  const across = squaresAcross(tiles, most);
  return Math.min(across, Math.ceil(tiles / across));
};
