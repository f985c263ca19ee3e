import { createRequire } from 'node:module';
import { type Canvas, createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';
import { Draw } from './draw.ts';
import { type Motif, paintMotif } from './motifs.ts';

export type Format = 'png' | 'jpeg' | 'webp';

/** Everything that a picture follows from: equal descriptions give equal bytes. */
export interface Picture {
  motif: Motif;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  format: Format;
  /** `owner/name`. */
  model: string;
  prompt: string;
  seed: number;
  /** Position in the batch. */
  index: number;
}

/** Latin with accents, Greek, Cyrillic, Vietnamese, Devanagari; other scripts and emoji are drawn as boxes. */
const SUBSETS = ['latin', 'latin-ext', 'greek', 'cyrillic', 'cyrillic-ext', 'vietnamese', 'devanagari'];
/** More of a prompt than this would not be readable in any of the sizes. */
const MAX_CHARACTERS = 600;

let families: string | undefined;

/** Fonts come from a package, because a fresh machine may have none, and so that all machines draw the same. */
const fontFamilies = (): string => {
  if (families === undefined) {
    const { resolve } = createRequire(import.meta.url);
    for (const subset of SUBSETS) {
      const path = resolve(`@fontsource/noto-sans/files/noto-sans-${subset}-400-normal.woff2`);
      if (GlobalFonts.registerFromPath(path, `Simulated ${subset}`) === null)
        throw new Error(`The font ${path} cannot be loaded, so no picture can show its prompt. Run npm ci.`);
    }
    families = SUBSETS.map((subset) => `"Simulated ${subset}"`).join(', ');
  }
  return families;
};

/**
 * Breaks text into lines no wider than `width`, at spaces where there are some.
 * @param measure width of a text, in the unit of `width`
 * @param most lines at most; what does not fit ends in an ellipsis
 */
export const wrapText = (
  text: string,
  width: number,
  most: number,
  measure: (text: string) => number,
): string[] => {
  const lines: string[] = [];
  let line = '';
  const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const word of text.split(/\s+/u).filter((part) => part !== '')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (measure(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    if (lines.length > most) break;
    if (measure(word) <= width) continue;
    // A word wider than a line, or a script without spaces.
    line = '';
    for (const { segment } of segments.segment(word)) {
      if (line !== '' && measure(line + segment) > width) {
        lines.push(line);
        line = '';
      }
      line += segment;
    }
  }
  if (line !== '') lines.push(line);
  if (lines.length <= most) return lines;
  const kept = lines.slice(0, most);
  let last = kept[most - 1] ?? '';
  while (last !== '' && measure(`${last}…`) > width) last = last.slice(0, -1);
  kept[most - 1] = `${last.trimEnd()}…`;
  return kept;
};

/** The prompt on a dark band at the foot, with the model and the seed under it. */
const paintCaption = (context: SKRSContext2D, picture: Picture): void => {
  const { width, height } = picture;
  const margin = Math.round(width / 20);
  const room = width - 2 * margin;
  const text = picture.prompt.slice(0, MAX_CHARACTERS);
  const base = Math.min(width, height);
  const small = Math.max(9, Math.round(base / 28));
  let size = Math.max(12, Math.round(base / 14));
  let lines: string[] = [];
  for (; ; size = Math.max(10, Math.floor(size * 0.8))) {
    context.font = `${size}px ${fontFamilies()}`;
    const most = Math.max(2, Math.floor((height * 0.45) / (size * 1.25)));
    lines = wrapText(text, room, most, (part) => context.measureText(part).width);
    if (size <= 10 || !lines.at(-1)?.endsWith('…')) break;
  }
  const lead = size * 1.25;
  const band = lines.length * lead + small * 1.6 + margin * 1.3;
  context.fillStyle = 'rgba(16, 18, 27, 0.66)';
  context.fillRect(0, height - band, width, band);
  context.fillStyle = '#ffffff';
  context.textBaseline = 'top';
  lines.forEach((line, i) => {
    context.fillText(line, margin, height - band + margin * 0.5 + i * lead);
  });
  context.font = `${small}px ${fontFamilies()}`;
  context.fillStyle = 'rgba(255, 255, 255, 0.75)';
  context.fillText(
    `${picture.model} · seed ${picture.seed} · image ${picture.index}`,
    margin,
    height - margin * 0.5 - small * 1.3,
    room,
  );
};

/** No picture may be mistaken for the answer of a real model. */
const paintMark = (context: SKRSContext2D, { width, height }: Picture): void => {
  const size = Math.max(11, Math.round(Math.min(width, height) / 18));
  const margin = Math.round(width / 24);
  context.font = `${size}px ${fontFamilies()}`;
  context.textBaseline = 'middle';
  const wide = context.measureText('SIMULATED').width + size;
  context.fillStyle = '#ffffff';
  context.beginPath();
  context.roundRect(margin, margin, wide, size * 1.7, size * 0.85);
  context.fill();
  context.fillStyle = '#b3261e';
  context.fillText('SIMULATED', margin + size / 2, margin + size * 0.87);
};

// One canvas is drawn on again and again: pixels live outside the garbage collector's sight, and a new canvas for each
// picture lets them pile up.
let canvas: Canvas | undefined;
let turn: Promise<unknown> = Promise.resolve();

const paint = async (picture: Picture): Promise<Buffer> => {
  canvas ??= createCanvas(picture.width, picture.height);
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext('2d');
  paintMotif(context, picture, new Draw(picture.model, picture.prompt, picture.seed, picture.index));
  if (picture.motif !== 'black') {
    paintCaption(context, picture);
    paintMark(context, picture);
  }
  switch (picture.format) {
    case 'png':
      return canvas.encode('png', { software: 'SIMULATED, no real model' });
    case 'jpeg':
      return canvas.encode('jpeg', { quality: 82, software: 'SIMULATED, no real model' });
    case 'webp':
      return canvas.encode('webp', 72);
  }
};

/** The bytes of the picture. One is drawn at a time. */
export const renderPicture = (picture: Picture): Promise<Buffer> => {
  const mine = turn.then(() => paint(picture));
  turn = mine.catch(() => undefined);
  return mine;
};
