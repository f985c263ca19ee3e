/** Of the decoder: a number higher whenever it says something else of the same bytes. Records carry it. */
export const DECODER_VERSION = 1;

/** Formats that are decoded, and shown if they are valid. */
export const SHOWN = ['png', 'jpeg', 'webp', 'gif', 'avif', 'svg'] as const;
export type ShownFormat = (typeof SHOWN)[number];

/** What else bytes may be: told truly, and not decoded. The name is what people read. */
export const NAMES = {
  png: 'PNG',
  jpeg: 'JPEG',
  webp: 'WebP',
  gif: 'GIF',
  avif: 'AVIF',
  svg: 'SVG',
  jxl: 'JPEG XL',
  heic: 'HEIC',
  jp2: 'JPEG 2000',
  bmp: 'BMP',
  ico: 'ICO',
  tiff: 'TIFF',
  psd: 'PSD',
  mp4: 'MP4',
  webm: 'WebM',
  mp3: 'MP3',
  wav: 'WAV',
  pdf: 'PDF',
  zip: 'ZIP',
  gzip: 'gzip',
  html: 'HTML',
  xml: 'XML',
  json: 'JSON',
  text: 'text',
  unknown: 'of no known kind',
} as const;
export type FormatName = keyof typeof NAMES;

/** Pictures that a browser shows not at all or not everywhere. */
const OTHER_PICTURES: readonly FormatName[] = ['jxl', 'heic', 'jp2', 'bmp', 'ico', 'tiff', 'psd'];

/** Why an image is quarantined. Short and stable, because records carry it; `wordsFor` says it to people. */
export const REASONS = [
  'empty',
  'not-an-image',
  'not-shown',
  'unusual',
  'truncated',
  'damaged',
  'too-large',
  'too-many-pixels',
  'too-slow',
  'too-much-memory',
  'crashed',
  'purged',
] as const;
export type Reason = (typeof REASONS)[number];

/** Reasons that another try, on another machine, may not find. */
export const dependsOnMachine = (reason: Reason | undefined): boolean =>
  reason === 'too-slow' || reason === 'too-much-memory' || reason === 'crashed';

/** Why an image is quarantined, as people read it, such as "not an image: HTML"; undefined for one that is `ok`. */
export function wordsFor(format: FormatName, reason: Reason | undefined): string | undefined {
  const name = NAMES[format];
  switch (reason) {
    case undefined:
      return undefined;
    case 'empty':
      return 'empty';
    case 'not-an-image':
      return format === 'unknown' ? 'not an image' : `not an image: ${name}`;
    case 'not-shown':
      return `${name} is not shown`;
    case 'unusual':
      return `a kind of ${name} that browsers do not show`;
    case 'truncated':
      return 'truncated';
    case 'damaged':
      return 'damaged';
    case 'too-large':
      return 'too large a file';
    case 'too-many-pixels':
      return 'too many pixels';
    case 'too-slow':
      return 'took too long to decode';
    case 'too-much-memory':
      return 'took too much memory to decode';
    case 'crashed':
      return 'crashed the decoder';
    case 'purged':
      return 'purged by an operator';
  }
}

/** Whether the format is decoded here. */
export const isShown = (format: FormatName): format is ShownFormat =>
  (SHOWN as readonly FormatName[]).includes(format);

/** Whether the format is a picture at all. */
export const isPicture = (format: FormatName): boolean => isShown(format) || OTHER_PICTURES.includes(format);
