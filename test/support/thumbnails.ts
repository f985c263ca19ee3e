import { createCanvas } from '@napi-rs/canvas';
import type { FindingsInput } from '../../lib/findings/facts.ts';
import { firstSamples, type Thumbnail } from '../../lib/findings/report/samples.ts';

/** Draws the sample pictures of a made-up round: a circle or a square. */
export function drawThumbnails(input: FindingsInput): Map<string, Thumbnail> {
  const majority = new Map(input.snapshot.labels.map(([item, , , answer]) => [item, answer]));
  for (const [item, question, , answer] of input.snapshot.labels)
    if (question === 0) majority.set(item, answer);
  const shown = firstSamples(input).flatMap(({ samples }) => samples.flatMap(({ image }) => image ?? []));
  return new Map(
    shown.map((image, i) => {
      const canvas = createCanvas(160, 160);
      const context = canvas.getContext('2d');
      context.fillStyle = `hsl(${(i * 37) % 360} 40% 85%)`;
      context.fillRect(0, 0, 160, 160);
      context.fillStyle = `hsl(${(i * 37) % 360} 60% 40%)`;
      if (majority.get(input.images.indexOf(image)) === 'circle') context.arc(80, 80, 50, 0, 7);
      else context.rect(35, 35, 90, 90);
      context.fill();
      return [image, { contentType: 'image/webp', base64: canvas.toBuffer('image/webp').toString('base64') }];
    }),
  );
}
