import { createCanvas, loadImage } from '@napi-rs/canvas';

/**
 * What a rater sees in a picture of `simulated/shapes`, from its pixels alone: how much of its bounding box the dark shape in the
 * middle fills. A circle fills π ÷ 4 of it, a square all.
 * @throws {Error} if no shape is there
 */
export async function shapeIn(bytes: Buffer): Promise<'circle' | 'square'> {
  const image = await loadImage(bytes);
  const { width, height } = image;
  const context = createCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const isDark = (place: number) => data[4 * place]! + data[4 * place + 1]! + data[4 * place + 2]! < 450;
  // A point that is inside every shape.
  const start = Math.round(0.43 * height) * width + Math.round(0.5 * width);
  if (!isDark(start)) throw new Error('The picture shows no shape in its middle.');
  const seen = new Set([start]);
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (const place of seen) {
    const [x, y] = [place % width, Math.floor(place / width)];
    [left, right, top, bottom] = [
      Math.min(left, x),
      Math.max(right, x),
      Math.min(top, y),
      Math.max(bottom, y),
    ];
    for (const next of [place - 1, place + 1, place - width, place + width])
      if (next >= 0 && next < width * height && isDark(next)) seen.add(next);
  }
  const filled = seen.size / ((right - left + 1) * (bottom - top + 1));
  return filled > 0.9 ? 'square' : 'circle';
}
