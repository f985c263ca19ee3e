/**
 * Image formats told from their bytes, never from a name or a header: content types lie. Sources: the PNG
 * specification (signature, IHDR, IEND), JPEG ITU-T T.81 (SOI, SOFn, EOI), RFC 9649 (WebP), GIF89a, and
 * ISO/IEC 14496-12 with AVIF 1.1 (ftyp brands, ispe).
 */
export type Format = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif';

/** Bytes from the start that are enough to tell the format. */
export const SNIFF_BYTES = 32;

const ascii = (bytes: Buffer, start: number, end: number) => bytes.toString('latin1', start, end);
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** The format that the first bytes announce, or undefined for anything that is no known image. */
export function sniffFormat(head: Buffer): Format | undefined {
  if (head.subarray(0, 8).equals(PNG_SIGNATURE)) return 'png';
  if (head.length >= 3 && head.readUIntBE(0, 3) === 0xffd8ff) return 'jpeg';
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(ascii(head, 0, 6))) return 'gif';
  if (ascii(head, 4, 8) === 'ftyp' && /avi[fs]/.test(ascii(head, 8, 32))) return 'avif';
  return undefined;
}

const CONTENT_TYPES: Record<Format, string> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
};
/** What is no known image is named as plain bytes, so that no browser ever runs it. */
export const contentTypeOf = (format: Format | undefined): string =>
  format ? CONTENT_TYPES[format] : 'application/octet-stream';

const EXTENSIONS: Record<Format, string> = {
  png: 'png',
  jpeg: 'jpg',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
};
export const extensionOf = (format: Format | undefined): string => (format ? EXTENSIONS[format] : 'bin');

export interface Size {
  width: number;
  height: number;
}

function jpegSize(head: Buffer): Size | undefined {
  let at = 2;
  while (at + 9 <= head.length) {
    if (head[at] !== 0xff) return undefined;
    const marker = head[at + 1] ?? 0;
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    // Start of frame, in any coding but for the three markers in its range that mean something else.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7) };
    at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}

function webpSize(head: Buffer): Size | undefined {
  if (head.length < 30) return undefined;
  switch (ascii(head, 12, 16)) {
    case 'VP8X':
      return { width: 1 + head.readUIntLE(24, 3), height: 1 + head.readUIntLE(27, 3) };
    case 'VP8L': {
      const bits = head.readUInt32LE(21);
      return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
    }
    case 'VP8 ':
      return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff };
    default:
      return undefined;
  }
}

/** The first `ispe` (image spatial extents) property: the only or the largest item in images as models make them. */
function avifSize(head: Buffer): Size | undefined {
  const at = head.indexOf('ispe', 0, 'latin1');
  if (at === -1 || at + 16 > head.length) return undefined;
  return { width: head.readUInt32BE(at + 8), height: head.readUInt32BE(at + 12) };
}

/** Width and height in pixels as the first bytes state them, or undefined where they do not. */
export function measure(format: Format, head: Buffer): Size | undefined {
  switch (format) {
    case 'png':
      return head.length >= 24 && ascii(head, 12, 16) === 'IHDR'
        ? { width: head.readUInt32BE(16), height: head.readUInt32BE(20) }
        : undefined;
    case 'jpeg':
      return jpegSize(head);
    case 'webp':
      return webpSize(head);
    case 'gif':
      return head.length >= 10 ? { width: head.readUInt16LE(6), height: head.readUInt16LE(8) } : undefined;
    case 'avif':
      return avifSize(head);
  }
}

/** Whether the boxes that the head shows lead exactly to the end of the file. */
function avifIsWhole(head: Buffer, total: number): boolean {
  let at = 0;
  while (at + 16 <= head.length) {
    const size32 = head.readUInt32BE(at);
    const size = size32 === 1 ? Number(head.readBigUInt64BE(at + 8)) : size32 === 0 ? total - at : size32;
    if (size < 8) return false;
    at += size;
    if (at >= total) return at === total;
  }
  return false;
}

/**
 * Whether a file ends as its format says: a truncated one does not.
 * @param head the first bytes @param tail the last bytes, at least 12 if there are as many @param total bytes in all
 */
export function isWhole(format: Format, head: Buffer, tail: Buffer, total: number): boolean {
  switch (format) {
    case 'png':
      return tail.subarray(-12).toString('hex') === '0000000049454e44ae426082';
    case 'jpeg':
      return tail.lastIndexOf(Buffer.from([0xff, 0xd9])) !== -1;
    case 'webp': {
      // Chunks are padded to even sizes; some writers omit the last pad byte.
      const announced = head.length >= 8 ? head.readUInt32LE(4) + 8 : -1;
      return announced === total || announced + 1 === total;
    }
    case 'gif':
      return tail.at(-1) === 0x3b;
    case 'avif':
      return avifIsWhole(head, total);
  }
}
