import sharp, { type CreateRaw } from 'sharp';
import { type Facts, isPicture, isShown, type Reason, type ShownFormat } from '../looked.ts';
import { nameOf } from './name.ts';
import { isBlank, isTranslucent, type Pixels } from './pixels.ts';
import { type Size, type Structure, structureOf } from './structure.ts';
import { svgForCodecs } from './svg.ts';

/** Pixels of a rendition's longest side. */
const RENDITION_PIXELS = 512;
const QUALITY = 80;

export type Found = Omit<Facts, 'processorMs' | 'peakMemoryMb'> & { rendition?: Buffer };

const NOTHING = { width: 0, height: 0, animated: false, alpha: false, c2pa: false, blank: false };

// One image at a time, and none of it is seen twice.
sharp.concurrency(1);
sharp.cache(false);

/** A message of the codecs is as stable as their version, which package-lock.json pins. */
const hasTooManyPixels = (error: unknown) => String(error).includes('exceeds pixel limit');

/** The codecs know AVIF by its major brand alone. That of a sequence or of HEIF itself may stand there too. */
function avifForCodecs(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.write('avif', 8, 'latin1');
  return copy;
}

function forCodecs(bytes: Buffer, format: ShownFormat, size: Size | undefined): Buffer {
  if (format === 'svg' && size) return svgForCodecs(bytes, size);
  return format === 'avif' ? avifForCodecs(bytes) : bytes;
}

/** An SVG is drawn as large as its rendition, whatever size it gives itself. */
function densityFor({ width, height }: Size): number {
  return Math.max(1, 72 * Math.min(1, RENDITION_PIXELS / Math.max(width, height)));
}

/** Decodes a whole image, its first frame upright, made small. @throws if it cannot be decoded to its end */
async function decode(
  bytes: Buffer,
  format: ShownFormat,
  structure: Structure,
  limitInputPixels: number,
): Promise<{ size: Size; pixels: Pixels }> {
  const options = { failOn: 'error', limitInputPixels } as const;
  const input = forCodecs(bytes, format, structure.size);
  const header = await sharp(input, options).metadata();
  // Browsers turn a WebP never, whatever its EXIF data say. AVIF is turned by the codecs.
  const drawn = format === 'webp' ? header : header.autoOrient;
  const size = structure.size ?? { width: drawn.width, height: drawn.height };
  if (size.width * size.height > limitInputPixels) throw new Error('exceeds pixel limit');
  if (size.width < 1 || size.height < 1) throw new Error('no area');
  const density = format === 'svg' ? { density: densityFor(size) } : {};
  const { data, info } = await sharp(input, { ...options, ...density, autoOrient: format !== 'webp' })
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
    const reason = hasTooManyPixels(error) ? 'too-many-pixels' : whole ? 'damaged' : 'truncated';
    return quarantined(reason, { ...structure.size, animated, c2pa });
  }
}
