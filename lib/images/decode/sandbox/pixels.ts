/** Pixels in rows, their channels side by side: gray, gray and alpha, red green blue, or those and alpha. */
export interface Pixels {
  data: Buffer;
  width: number;
  height: number;
  channels: number;
}

const hasAlpha = ({ channels }: Pixels) => channels === 2 || channels === 4;

/** Whether any pixel lets something behind it shine through. */
export function isTranslucent(pixels: Pixels): boolean {
  const { data, channels } = pixels;
  if (!hasAlpha(pixels)) return false;
  for (let at = channels - 1; at < data.length; at += channels) if ((data[at] ?? 255) < 255) return true;
  return false;
}

/** Averages of so many pixels squared: noise vanishes in them, the faint shapes of a dark picture do not. */
const CELL = 8;
/** Steps of 256 by which the averages of an even area may differ. */
const EVEN_RANGE = 2;
/** Standard deviation, in steps of 256, of the noise that an even area may have. */
const EVEN_NOISE = 4;

/**
 * Whether a picture is one even area, of whatever color. Neither darkness nor brightness makes a picture blank: a dark
 * portrait has shapes, and shapes make averages differ. Colors count by how much of them is seen, so that a
 * transparent picture is blank whatever colors it hides.
 */
export function isBlank(pixels: Pixels): boolean {
  const { data, width, height, channels } = pixels;
  const alpha = hasAlpha(pixels) ? channels - 1 : undefined;
  const columns = Math.ceil(width / CELL);
  const cells = new Float64Array(columns * Math.ceil(height / CELL));
  const counts = new Uint32Array(cells.length);
  for (let channel = 0; channel < channels; channel += 1) {
    cells.fill(0);
    counts.fill(0);
    let sum = 0;
    let squares = 0;
    for (let y = 0; y < height; y += 1)
      for (let x = 0; x < width; x += 1) {
        const at = (y * width + x) * channels;
        const opacity = alpha === undefined || channel === alpha ? 255 : data[at + alpha]!;
        const value = (data[at + channel]! * opacity) / 255;
        const cell = Math.floor(y / CELL) * columns + Math.floor(x / CELL);
        cells[cell]! += value;
        counts[cell]! += 1;
        sum += value;
        squares += value * value;
      }
    const mean = sum / (width * height);
    if (squares / (width * height) - mean * mean > EVEN_NOISE ** 2) return false;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (const [cell, total] of cells.entries()) {
      least = Math.min(least, total / counts[cell]!);
      most = Math.max(most, total / counts[cell]!);
    }
    if (most - least > EVEN_RANGE) return false;
  }
  return true;
}
