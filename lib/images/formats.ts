import { cellName } from '../records/keys.ts';
import { isSvg, svgText } from './decode/sandbox/svg.ts';
import type { ShownFormat } from './verdict.ts';

/**
 * What an output is stored as, told from its first bytes and never from a name or a header: content types lie. Whether
 * it is a valid image, `tag` finds. Sources: the PNG specification, JPEG ITU-T T.81, RFC 9649 (WebP), GIF89a, ISO/IEC
 * 14496-12 with AVIF 1.1 (brands).
 */

/** Bytes from the start that are enough: an SVG's root element follows declarations and comments. */
export const SNIFF_BYTES = 4_096;

const ascii = (bytes: Buffer, start: number, end: number) => bytes.toString('latin1', start, end);
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** The format that the first bytes announce, or undefined for anything that is no known image. */
export function sniffFormat(head: Buffer): ShownFormat | undefined {
  if (head.subarray(0, 8).equals(PNG_SIGNATURE)) return 'png';
  if (head.length >= 3 && head.readUIntBE(0, 3) === 0xffd8ff) return 'jpeg';
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(ascii(head, 0, 6))) return 'gif';
  if (ascii(head, 4, 8) === 'ftyp' && /avi[fs]/.test(ascii(head, 8, 32))) return 'avif';
  return isSvg(svgText(head)) ? 'svg' : undefined;
}

const CONTENT_TYPES: Record<ShownFormat, string> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  svg: 'image/svg+xml',
};
/** What is no known image is named as plain bytes, so that no browser ever runs it. */
export const contentTypeOf = (format: ShownFormat | undefined): string =>
  format ? CONTENT_TYPES[format] : 'application/octet-stream';

const EXTENSIONS: Record<ShownFormat, string> = {
  png: 'png',
  jpeg: 'jpg',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
  svg: 'svg',
};
export const extensionOf = (format: ShownFormat | undefined): string => (format ? EXTENSIONS[format] : 'bin');

/** The header `Content-Disposition` of a stored image: a name for it, and whether a browser may show it by itself. */
export const imageDisposition = (
  audit: string,
  cell: number,
  index: number,
  format: ShownFormat | undefined,
): string =>
  `${dispositionOf(format)}; filename="${audit.slice(0, 8)}-${cellName(cell)}-${index}.${extensionOf(format)}"`;

/** An SVG that is opened by itself would run its scripts: it is saved instead. A page draws it as `<img>`, where none runs. */
export const dispositionOf = (format: ShownFormat | undefined): 'attachment' | 'inline' =>
  format === 'svg' ? 'attachment' : 'inline';
