import { createCanvas, loadImage } from '@napi-rs/canvas';

/**
 * What a rater sees in a picture of `simulated/shapes`, from its pixels alone: how much of its bounding box the dark shape in the
 * middle fills. A circle fills π ÷ 4 of it, a square all.
 * @throws {Error} if no shape is there
 */
export async function shapeIn(bytes: Buffer): Promise<'circle' | 'square'> {
  const { width, height } = await loadImage(bytes);
  const context = createCanvas(width, height).getContext('2d');
  context.drawImage(await loadImage(bytes), 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  // A point that is inside every shape.
  const start = Math.round(0.43 * height) * width + Math.round(0.5 * width);
  const light = (place: number) => data[4 * place]! + data[4 * place + 1]! + data[4 * place + 2]!;
  const isDark = (place: number) => light(place) < 450;
  if (!isDark(start)) throw new Error('The picture shows no shape in its middle.');
  const seen = new Set([start]);
  for (const place of seen)
    for (const next of [place - 1, place + 1, place - width, place + width])
      if (next >= 0 && next < width * height && isDark(next)) seen.add(next);
  const across = [...seen].map((place) => place % width);
  const down = [...seen].map((place) => Math.floor(place / width));
  const extent = (places: number[]) => Math.max(...places) - Math.min(...places) + 1;
  const filled = seen.size / (extent(across) * extent(down));
  return filled > 0.9 ? 'square' : 'circle';
}
