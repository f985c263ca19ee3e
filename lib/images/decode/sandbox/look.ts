import sharp, { type CreateRaw } from 'sharp';
import { isPicture, isShown, type Reason, type ShownFormat } from '../../verdict.ts';
import type { Facts } from '../looked.ts';
import { avif } from './avif.ts';
import { gif } from './gif.ts';
import { jpeg } from './jpeg.ts';
import { nameOf } from './name.ts';
import { isBlank, isTranslucent, type Pixels } from './pixels.ts';
import { png } from './png.ts';
import type { Size, Structure } from './structure.ts';
import { svg, svgForCodecs } from './svg.ts';
import { webp } from './webp.ts';

/** Pixels of a rendition's longest side. */
const RENDITION_PIXELS = 512;
const QUALITY = 80;

export type Found = Omit<Facts, 'processorMs' | 'peakMemoryMb'> & { rendition?: Buffer };

const NOTHING = { width: 0, height: 0, animated: false, alpha: false, c2pa: false, blank: false };

// One image at a time, and none of it is seen twice.
sharp.concurrency(1);
sharp.cache(false);

/** A larger SVG is text without end: drawing it takes many times as much memory. */
const MOST_SVG_BYTES = 16 * 1024 * 1024;

/** The codecs know AVIF by its major brand alone. That of a sequence or of HEIF itself may stand there too. */
function avifForCodecs(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.write('avif', 8, 'latin1');
  return copy;
}

/** Each reads whatever bytes it is given, in time that grows with their number only. @throws RangeError behind their end */
const STRUCTURES: Record<ShownFormat, (bytes: Buffer) => Structure> = { png, jpeg, webp, gif, avif, svg };

function structureOf(bytes: Buffer, format: ShownFormat): Structure {
  try {
    return STRUCTURES[format](bytes);
  } catch (error) {
    if (error instanceof RangeError) return { whole: false, animated: false, c2pa: false };
    throw error;
  }
}

/** An image as the codecs know it. */
function forCodecs(bytes: Buffer, format: ShownFormat, size: Size): Buffer {
  if (format === 'svg') return svgForCodecs(bytes, size);
  return format === 'avif' ? avifForCodecs(bytes) : bytes;
}

/** Width and height as the header says them, turned as browsers turn it; undefined where there is no header. */
async function sizeOf(bytes: Buffer): Promise<Size | undefined> {
  try {
    const header = await sharp(bytes, { limitInputPixels: false }).metadata();
    const { width, height } = header.autoOrient;
    return { width, height };
  } catch {
    return undefined;
  }
}

/** An SVG is drawn as large as its rendition, whatever size it gives itself. */
function densityFor({ width, height }: Size): number {
  return Math.max(1, 72 * Math.min(1, RENDITION_PIXELS / Math.max(width, height)));
}

function pixelsToDecode(format: ShownFormat, size: Size): number {
  const scale = format === 'svg' ? densityFor(size) / 72 : 1;
  return size.width * scale * (size.height * scale);
}

/** Decodes a whole image, its first frame upright, made small. @throws if it cannot be decoded to its end */
async function decode(
  bytes: Buffer,
  format: ShownFormat,
  size: Size,
  limitInputPixels: number,
): Promise<Pixels> {
  const { data, info } = await sharp(forCodecs(bytes, format, size), {
    failOn: 'error',
    limitInputPixels,
    // Browsers never turn a WebP, whatever its EXIF data say.
    autoOrient: format !== 'webp',
    ...(format === 'svg' ? { density: densityFor(size) } : {}),
  })
    .resize(RENDITION_PIXELS, RENDITION_PIXELS, { fit: 'inside', withoutEnlargement: true })
    .toColorspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { ...info, data };
}

function renditionOf({ data, width, height, channels }: Pixels): Promise<Buffer> {
  const raw = { width, height, channels } as CreateRaw;
  return sharp(data, { raw }).webp({ quality: QUALITY }).toBuffer();
}

/**
 * Says what an image is, and makes its rendition if it is valid.
 * @param mostPixels more are not decoded
 * @param decoding is told what is known before an image is decoded
 */
export async function look(
  bytes: Buffer,
  mostPixels: number,
  decoding: (known: Found) => void,
): Promise<Found> {
  const format = bytes.length === 0 ? 'unknown' : nameOf(bytes);
  let facts = { ...NOTHING, format };
  const quarantined = (reason: Reason): Found => ({ ...facts, reason });
  if (bytes.length === 0) return quarantined('empty');
  if (!isShown(format)) return quarantined(isPicture(format) ? 'not-shown' : 'not-an-image');
  if (format === 'svg' && bytes.length > MOST_SVG_BYTES) return quarantined('too-large');
  const { animated, c2pa, whole, unusual, ...structure } = structureOf(bytes, format);
  decoding({ ...facts, animated, c2pa });
  const size = structure.size ?? (await sizeOf(bytes));
  facts = { ...facts, ...size, animated, c2pa };
  if (unusual) return quarantined('unusual');
  if (pixelsToDecode(format, facts) > mostPixels) return quarantined('too-many-pixels');
  decoding(facts);
  let pixels: Pixels | undefined;
  if (facts.width > 0 && facts.height > 0)
    pixels = await decode(bytes, format, facts, mostPixels).catch(() => undefined);
  if (!whole) return quarantined('truncated');
  if (!pixels) return quarantined('damaged');
  return {
    ...facts,
    alpha: isTranslucent(pixels),
    // No font is at hand: what an SVG writes is not drawn, and a picture of words only would look blank.
    blank: isBlank(pixels) && !(format === 'svg' && bytes.includes('<text')),
    rendition: await renditionOf(pixels),
  };
}
