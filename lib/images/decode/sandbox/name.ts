import type { FormatName } from '../../verdict.ts';
import { isSvg, svgText } from './svg.ts';

const ascii = (bytes: Buffer, start: number, end: number) => bytes.toString('latin1', start, end);

/** Signatures at the start of a file, in hexadecimal. */
const SIGNATURES: [start: string, format: FormatName][] = [
  ['89504e470d0a1a0a', 'png'],
  ['ffd8ff', 'jpeg'],
  ['474946383761', 'gif'],
  ['474946383961', 'gif'],
  ['ff0a', 'jxl'],
  ['0000000c4a584c200d0a870a', 'jxl'],
  ['0000000c6a5020200d0a870a', 'jp2'],
  ['49492a00', 'tiff'],
  ['4d4d002a', 'tiff'],
  ['49492b00', 'tiff'],
  ['4d4d002b', 'tiff'],
  ['00000100', 'ico'],
  ['38425053', 'psd'],
  ['1a45dfa3', 'webm'],
  ['255044462d', 'pdf'],
  ['504b0304', 'zip'],
  ['1f8b', 'gzip'],
  ['494433', 'mp3'],
];

const HEIF_BRANDS = ['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'hevm', 'hevs', 'mif1', 'msf1'];

/** What an ISO base media file says it is: the brands of its first box, all of them. */
function namedByBrands(bytes: Buffer): FormatName | undefined {
  if (ascii(bytes, 4, 8) !== 'ftyp') return undefined;
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 1_024);
  const brands = [ascii(bytes, 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(ascii(bytes, at, at + 4));
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return 'avif';
  if (brands.some((brand) => HEIF_BRANDS.includes(brand))) return 'heic';
  return 'mp4';
}

/** Text is read this far to tell what it is. */
const TEXT_BYTES = 1_000_000;

/** Whether a text is JSON: parsed if it is short, else by its first character. */
function isJson(text: string, bytes: number): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  if (bytes > TEXT_BYTES) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function namedByText(file: Buffer): FormatName {
  const bytes = svgText(file);
  const head = bytes.subarray(0, TEXT_BYTES);
  let text: string;
  try {
    // A character that is cut in two at the end is no fault.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
  } catch {
    return 'unknown';
  }
  // Control characters other than tab, line feed, form feed and carriage return are in no text.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that tell
  if (/[\x00-\x08\x0b\x0e-\x1f]/.test(text)) return 'unknown';
  if (isSvg(bytes)) return 'svg';
  const start = text.trimStart();
  if (/^(?:<!--[^>]{0,2000}>\s*)?<(?:!doctype\s+html|html|head|body|title|script|meta)\b/i.test(start))
    return 'html';
  if (start.startsWith('<')) return 'xml';
  return isJson(text, bytes.length) ? 'json' : 'text';
}

/** What bytes are, told from themselves and never from a name or a header. */
export function nameOf(bytes: Buffer): FormatName {
  const start = ascii(bytes, 0, 4);
  if (start === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  if (start === 'RIFF' && ascii(bytes, 8, 12) === 'WAVE') return 'wav';
  const hex = bytes.toString('hex', 0, 12);
  const signed = SIGNATURES.find(([signature]) => hex.startsWith(signature));
  if (signed) return signed[1];
  // "BM" begins texts too: a bitmap's header has one of a few lengths.
  if (
    start.startsWith('BM') &&
    bytes.length > 18 &&
    [12, 16, 40, 52, 56, 64, 108, 124].includes(bytes.readUInt32LE(14))
  )
    return 'bmp';
  return namedByBrands(bytes) ?? namedByText(bytes);
}
