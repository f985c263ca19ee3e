import { strToU8, zipSync } from 'fflate';
import { reportFiles, type Thumbnail } from '../../../../lib/findings/report/report.ts';
import { firstSamples } from '../../../../lib/findings/report/samples.ts';
import { ApiError } from '../../api/client.ts';
import { fetchImage } from '../../images/load.ts';
import { words } from '../../words/findings.ts';
import type { Located, RoundFindings } from './read-findings.ts';

/** Pixels of the longer side of a thumbnail. */
const PIXELS = 192;
const QUALITY = 0.7;

/** The report with its CSVs and the script that calculates its numbers again, as a ZIP. */
export async function writeReport({ input, findings, located }: RoundFindings): Promise<Blob> {
  const thumbnails = new Map<string, Thumbnail>();
  for (const { samples } of firstSamples(input))
    for (const { image } of samples) {
      // One that cannot be loaded is said to be missing in the report.
      const thumbnail = image && (await makeThumbnail(located.get(image)).catch(() => undefined));
      if (image && thumbnail) thumbnails.set(image, thumbnail);
    }
  const answer = await fetch('/recompute.py');
  if (!answer.ok) throw new ApiError(answer.status, words.noScript);
  const script = await answer.text();
  const files = await reportFiles({ ...input, thumbnails, script }, findings);
  const bytes = Object.fromEntries([...files].map(([name, text]) => [name, strToU8(text)]));
  return new Blob([zipSync(bytes)], { type: 'application/zip' });
}

async function makeThumbnail(of: Located | undefined): Promise<Thumbnail | undefined> {
  if (!of?.image.rendition) return undefined;
  const small = await fetchImage(of.cells, of.prediction.n, of.image.index, 'rendition');
  const picture = await createImageBitmap(small);
  const scale = Math.min(1, PIXELS / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
  canvas.getContext('2d')!.drawImage(picture, 0, 0, canvas.width, canvas.height);
  // A browser that cannot write WebP writes PNG.
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality: QUALITY });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return { contentType: blob.type === 'image/webp' ? 'image/webp' : 'image/png', base64 };
}
