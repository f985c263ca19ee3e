import sharp, { type CreateRaw } from 'sharp';
import { type Facts, isPicture, isShown, type Reason, type ShownFormat } from '../looked.ts';
import { nameOf } from './name.ts';
import { isBlank, isTranslucent, type Pixels } from './pixels.ts';
import { type Size, type Structure, structureOf } from './structure.ts';

/** Pixels of a rendition's longest side. */
const RENDITION_PIXELS = 512;
const QUALITY = 80;

export type Found = Omit<Facts, 'processorMs' | 'peakMemoryMb'> & { rendition?: Buffer };

const NOTHING = { width: 0, height: 0, animated: false, alpha: false, c2pa: false, blank: false };

// One image at a time, and none of it is seen twice.
sharp.concurrency(1);
sharp.cache(false);

/** A message of the codecs that means so is as stable as their version, which package-lock.json pins. */
const isTooLarge = (error: unknown) => /exceeds pixel limit|too large|Security limit/i.test(String(error));

/** Major brands are all that the codecs look at; those of a sequence or of HEIF itself they do not take for AVIF. */
function withBrand(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 8, 12) === 'avif') return bytes;
  const copy = Buffer.from(bytes);
  copy.write('avif', 8, 'latin1');
  return copy;
}

/** Density at which an SVG is drawn as large as its rendition, whatever size it gives itself. */
function densityFor(drawn: Size, shown: Size): number {
  const longest = Math.max(shown.width, shown.height);
  const wanted = Math.min(longest, RENDITION_PIXELS);
  return Math.min(100_000, Math.max(1, (72 * wanted) / Math.max(drawn.width, drawn.height)));
}

/** Decodes a whole image, its first frame upright, made small. @throws if it cannot be decoded to its end */
async function decode(
  bytes: Buffer,
  format: ShownFormat,
  structure: Structure,
  limitInputPixels: number,
): Promise<{ size: Size; pixels: Pixels }> {
  const options = { failOn: 'error', limitInputPixels } as const;
  const input = format === 'avif' ? withBrand(bytes) : bytes;
  const { autoOrient } = await sharp(input, options).metadata();
  const size = structure.size ?? autoOrient;
  if (size.width * size.height > limitInputPixels) throw new Error('exceeds pixel limit');
  const density = format === 'svg' ? { density: densityFor(autoOrient, size) } : {};
  const { data, info } = await sharp(input, { ...options, ...density })
    .autoOrient()
    .resize(RENDITION_PIXELS, RENDITION_PIXELS, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { size, pixels: { ...info, data } };
}

/** Says what an image is, and makes its rendition if it is sound. @param limitInputPixels more are not decoded */
export async function look(bytes: Buffer, limitInputPixels: number): Promise<Found> {
  const format = bytes.length === 0 ? 'unknown' : nameOf(bytes);
  const quarantined = (reason: Reason, facts: Partial<Found> = {}) => ({
    ...NOTHING,
    format,
    reason,
    ...facts,
  });
  if (bytes.length === 0) return quarantined('empty');
  if (!isShown(format)) return quarantined(isPicture(format) ? 'not-shown' : 'not-an-image');
  const structure = structureOf[format](bytes);
  const { animated, c2pa, whole, unusual } = structure;
  if (unusual) return quarantined('unusual', { animated, c2pa });
  try {
    const { size, pixels } = await decode(bytes, format, structure, limitInputPixels);
    const { width, height } = size;
    if (!whole) return quarantined('truncated', { width, height, animated, c2pa });
    const { data: raw, ...shape } = pixels;
    const rendition = await sharp(raw, { raw: shape as CreateRaw })
      .webp({ quality: QUALITY })
      .toBuffer();
    // No font is at hand: what an SVG writes is not drawn, and a picture of words only would look blank.
    const blank = isBlank(pixels) && !(format === 'svg' && bytes.includes('<text'));
    return { format, width, height, animated, c2pa, alpha: isTranslucent(pixels), blank, rendition };
  } catch (error) {
    const reason = isTooLarge(error) ? 'too-many-pixels' : whole ? 'damaged' : 'truncated';
    return quarantined(reason, { ...structure.size, animated, c2pa });
  }
}
