import type { Size, Structure } from './structure.ts';

/** An SVG as UTF-8; browsers read UTF-16 where a byte order mark tells it. */
export function svgText(bytes: Buffer): Buffer {
  const mark = bytes.toString('hex', 0, 2);
  if (mark !== 'fffe' && mark !== 'feff') return bytes;
  return Buffer.from(new TextDecoder(mark === 'fffe' ? 'utf-16le' : 'utf-16be').decode(bytes));
}

const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';
/** The root element must begin within so many bytes; generators put long comments and entities before it. */
const PROLOG_BYTES = 200_000;

interface Root {
  /** Where its attributes begin and end in the text. */
  from: number;
  to: number;
  attributes: Map<string, string>;
}

/**
 * The root element of an SVG document, or undefined for any other document. Only what may stand before a root element
 * is skipped: declaration, comments, instructions, document type.
 */
function rootOf(text: string): Root | undefined {
  let at = 0;
  for (;;) {
    while (/[\s\ufeff]/.test(text[at] ?? '')) at += 1;
    if (text.startsWith('<!--', at)) at = after(text, '-->', at);
    else if (text.startsWith('<?', at)) at = after(text, '?>', at);
    else if (text.startsWith('<!DOCTYPE', at)) {
      // Nothing is read twice: there may be thousands of these.
      const end = after(text, '>', at);
      const open = text.slice(at, end).indexOf('[');
      at = open === -1 ? end : after(text, '>', after(text, ']', at + open));
    } else break;
  }
  const tag = /^<(?:[\w-]{1,40}:)?svg(?=[\s/>])/.exec(text.slice(at, at + 64));
  if (!tag) return undefined;
  const from = at + tag[0].length;
  let to = from;
  const attributes = new Map<string, string>();
  const attribute = /\s*([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;
  attribute.lastIndex = from;
  for (let found = attribute.exec(text); found; found = attribute.exec(text)) {
    attributes.set(found[1] ?? '', found[2] ?? found[3] ?? '');
    to = attribute.lastIndex;
  }
  // Adobe's tools write the namespace as an entity of the document type.
  const namespaces = [...attributes].filter(([name]) => name === 'xmlns' || name.startsWith('xmlns:'));
  const isOurs = namespaces.some(([, value]) => value === SVG_NAMESPACE || value.startsWith('&'));
  return isOurs ? { from, to, attributes } : undefined;
}

/** The root element of a file, if it is an SVG document. */
const rootOfFile = (bytes: Buffer) => rootOf(bytes.toString('utf8', 0, PROLOG_BYTES));

/** Whether a file in UTF-8 is an SVG document, going by its root element. */
export const isSvg = (bytes: Buffer): boolean => rootOfFile(bytes) !== undefined;

/**
 * An SVG as the codecs know one, in UTF-8: "<svg" among the first bytes, however long a comment stands there and
 * whatever prefix the namespace has; and the root element with the size that a browser gives it.
 */
export function svgForCodecs(bytes: Buffer, { width, height }: Size): Buffer {
  const text = svgText(bytes).toString();
  const root = rootOf(text);
  if (!root) return bytes;
  const before = text.slice(0, root.from).replace(/^\ufeff?\s*(?:<\?xml[^>]{0,200}\?>)?/, '');
  const kept = [...root.attributes].filter(([name]) => name !== 'width' && name !== 'height');
  const attributes = kept.map(([name, value]) => ` ${name}="${value.replaceAll('"', '&quot;')}"`).join('');
  return Buffer.from(
    `<!--<svg-->${before} width="${width}" height="${height}"${attributes}${text.slice(root.to)}`,
  );
}

/** Behind the next occurrence of a text, or the end if there is none. */
function after(text: string, end: string, from: number): number {
  const found = text.indexOf(end, from);
  return found === -1 ? text.length : found + end.length;
}

/** A side that is longer says nothing more. */
const MOST = 1_000_000_000;

/** CSS pixels in a unit. */
const PIXELS: Record<string, number> = {
  '': 1,
  px: 1,
  pt: 96 / 72,
  pc: 16,
  in: 96,
  cm: 96 / 2.54,
  mm: 96 / 25.4,
  q: 96 / 101.6,
  em: 16,
  rem: 16,
  ex: 8,
};

/** A length in CSS pixels; undefined for a share of what surrounds the image, and for what is no length. */
function pixels(length: string | undefined): number | undefined {
  // No two parts of this match the same characters, or a long number would be tried in ever so many ways.
  const [, number, unit = ''] =
    /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)([a-z]*)$/i.exec((length ?? '').trim()) ?? [];
  const factor = PIXELS[unit.toLowerCase()];
  return number === undefined || factor === undefined ? undefined : Math.max(0, Number(number) * factor);
}

/**
 * The size at which a browser shows an SVG that nothing else sizes: what it says, else by the ratio of its view box,
 * else within CSS' default of 300 × 150 (CSS Images 3, "default sizing algorithm").
 */
function naturalSize(root: ReadonlyMap<string, string>): Size {
  const width = pixels(root.get('width'));
  const height = pixels(root.get('height'));
  const box = (root.get('viewBox') ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const [, , boxWidth = 0, boxHeight = 0] = box;
  const ratio = box.length === 4 && boxWidth > 0 && boxHeight > 0 ? boxWidth / boxHeight : undefined;
  if (width !== undefined && height !== undefined) return { width, height };
  if (ratio === undefined) return { width: width ?? 300, height: height ?? 150 };
  if (width !== undefined) return { width, height: width / ratio };
  if (height !== undefined) return { width: height * ratio, height };
  return ratio > 2 ? { width: 300, height: 300 / ratio } : { width: 150 * ratio, height: 150 };
}

/** SVG 2: an XML document. Whether it is well-formed, and what it draws, the codecs find. */
export function svg(file: Buffer): Structure {
  const bytes = svgText(file);
  const { width, height } = naturalSize(rootOfFile(bytes)?.attributes ?? new Map());
  const tail = bytes.toString('utf8', Math.max(0, bytes.length - PROLOG_BYTES));
  return {
    whole: /<\/(?:[\w-]{1,40}:)?svg\s*>/.test(tail) || /\/>\s*$/.test(tail),
    animated: has(bytes, '<animate') || has(bytes, '<set ') || has(bytes, '@keyframes'),
    c2pa: has(bytes, '<c2pa:manifest'),
    size: { width: Math.min(MOST, Math.round(width)), height: Math.min(MOST, Math.round(height)) },
  };
}

const has = (bytes: Buffer, text: string) => bytes.includes(text, 0, 'latin1');
