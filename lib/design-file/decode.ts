import { DESIGN } from '../limits.ts';
import { DesignFileError, type Guess, importAdvice } from './error.ts';

/** Files that are not text, by their first bytes. */
const OTHER_KINDS: [number[], string][] = [
  [[0x50, 0x4b, 0x03, 0x04], 'a workbook (.xlsx, .ods, .numbers) or another archive'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'an old Excel workbook (.xls)'],
  [[0x25, 0x50, 0x44, 0x46], 'a PDF'],
];
/** PNG, JPEG, GIF, WebP. */
const PICTURES = [
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
  [0x47, 0x49, 0x46, 0x38],
  [0x52, 0x49, 0x46, 0x46],
];
/** The same, by how their text begins. */
const OTHER_TEXTS: [RegExp, string][] = [
  [/^\s*<(!doctype html|html|head|body)\b/i, 'a web page'],
  [/^\s*<\?xml\b/i, 'XML'],
  [/^\{\\rtf/, 'RTF'],
];

/** The marks that some programs write in front of a text. */
const MARKS: [number[], string][] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe, 0x00, 0x00], 'utf-32'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];

/** What spreadsheets write where letters are Latin, and did on Macs before 2016. */
const WESTERN: [string, string][] = [
  ['windows-1252', 'Windows-1252'],
  ['windows-1250', 'Windows-1250'],
  ['windows-1254', 'Windows-1254'],
  ['macintosh', 'Mac OS Roman'],
];
/** A word of one script, in which no capital follows a small letter. */
const wordOf = (script: string) =>
  new RegExp(`^(?!.*\\p{Ll}\\p{Lu})[!-@[-\`{-~\\p{M}\\p{sc=${script}}]+$`, 'u');
const CHINESE = /^[!-~\p{sc=Han}]+$/u;
const JAPANESE = /^[!-~\p{sc=Hira}\p{sc=Kana}ー\p{sc=Han}]+$/u;
/** Other encodings, and what their words look like. */
const OTHERS: [string, string, RegExp][] = [
  ['windows-1251', 'Windows-1251', wordOf('Cyrl')],
  ['koi8-r', 'KOI8-R', wordOf('Cyrl')],
  ['windows-1253', 'Windows-1253', wordOf('Grek')],
  ['windows-1255', 'Windows-1255', wordOf('Hebr')],
  ['windows-1256', 'Windows-1256', wordOf('Arab')],
  ['euc-kr', 'EUC-KR', /^[!-~\p{sc=Hang}]+$/u],
  ['shift_jis', 'Shift_JIS', JAPANESE],
  ['euc-jp', 'EUC-JP', JAPANESE],
  ['gb18030', 'GB 18030', CHINESE],
  ['big5', 'Big5', CHINESE],
  ['windows-874', 'Windows-874', wordOf('Thai')],
];

const SAVE_AS_UTF8 = 'save it as UTF-8 (Excel: Save As, "CSV UTF-8")';

const startsWith = (bytes: Uint8Array, first: number[]) => first.every((byte, i) => bytes[i] === byte);

const decoder = (encoding: string) => new TextDecoder(encoding, { fatal: true });

/** The text, or undefined if the bytes are not of this encoding. */
function decoded(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return decoder(encoding).decode(bytes);
  } catch {
    return undefined;
  }
}

/** As `decoded`; the last character may be cut off. */
function beginning(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return decoder(encoding).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

/**
 * Decodes a file. Without an encoding it must be UTF-8, or UTF-16 with its mark; the mark is not part of the text.
 * @param encoding a label of the Encoding Standard, such as `windows-1252`
 * @throws {DesignFileError} rather than replace a single character
 */
export function decode(bytes: Uint8Array, file: string, encoding?: string): string {
  if (bytes.length > DESIGN.fileBytes)
    throw new DesignFileError(
      `${file} has ${Math.ceil(bytes.length / 1e6)} MB; at most ${DESIGN.fileBytes / 1e6} are read. Split it, or leave out columns that are not needed.`,
    );
  const kind = OTHER_KINDS.find(([first]) => startsWith(bytes, first))?.[1];
  if (kind) throw otherKind(file, kind);
  if (PICTURES.some((first) => startsWith(bytes, first)))
    throw new DesignFileError(`${file} is a picture, not a table or a list. ${importAdvice('table.csv')}.`);
  const mark = MARKS.find(([first]) => startsWith(bytes, first))?.[1];
  if (mark === 'utf-32') throw new DesignFileError(`${file} is UTF-32: ${SAVE_AS_UTF8}.`);
  const given = encoding === undefined ? undefined : knownEncoding(encoding);
  const used = given ?? mark ?? 'utf-8';
  if (given !== undefined) refuseContradiction(bytes, file, given, mark);
  if (used === 'utf-8') refuseNul(bytes, file);
  const text = decoded(bytes, used);
  if (text === undefined) throw notEncoded(bytes, file, used);
  const otherText = OTHER_TEXTS.find(([first]) => first.test(text))?.[1];
  if (otherText) throw otherKind(file, otherText);
  refuseLostText(text, file);
  return text;
}

const otherKind = (file: string, kind: string) =>
  new DesignFileError(
    `${file} is ${kind}, not a table or a list. Save the table as CSV (Excel: "CSV UTF-8").`,
  );

/** @returns its name in lower case */
function knownEncoding(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new DesignFileError(
      `"${label}" is no encoding that can be read. Examples: windows-1252, macintosh, utf-16le, shift_jis, gb18030, euc-kr.`,
    );
  }
}

/** Text of several bytes a character that is valid UTF-8 is hardly anything else. */
function refuseContradiction(bytes: Uint8Array, file: string, given: string, mark: string | undefined): void {
  const is =
    mark ?? (bytes.some((byte) => byte > 0x7f) && decoded(bytes, 'utf-8') !== undefined ? 'utf-8' : given);
  if (is !== given)
    throw new DesignFileError(
      `${file} is ${is.toUpperCase()}, and would be garbled as ${given}. Read it without an encoding.`,
    );
}

function notEncoded(bytes: Uint8Array, file: string, encoding: string): DesignFileError {
  const before = validBeginning(bytes, encoding);
  const place = placeAfter(before);
  if (encoding !== 'utf-8')
    return new DesignFileError(
      `${file} is not ${encoding}: ${place} cannot be read. Choose another encoding.`,
    );
  const guesses = guess(bytes, before);
  const looks = guesses[0]
    ? ` It looks like ${guesses.map(({ name, reads }) => `${name} ("${reads}")`).join(' or ')}.`
    : '';
  return new DesignFileError(`${file} is not UTF-8: ${place} cannot be read.${looks}`, guesses);
}

/** The text before the first byte that is not of the encoding, without a mark. */
function validBeginning(bytes: Uint8Array, encoding: string): string {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (beginning(bytes.subarray(0, middle), encoding) === undefined) bad = middle;
    else good = middle;
  }
  return beginning(bytes.subarray(0, good), encoding)!;
}

/** `line 3, column 14`: the character behind a text. */
function placeAfter(text: string): string {
  const lines = text.split(/\r\n|\r|\n/);
  return `line ${lines.length}, column ${Array.from(lines.at(-1)!).length + 1}`;
}

/** Ends of words, in bytes. */
const SEPARATORS = Array.from('\t\n\r ,;"', (character) => character.charCodeAt(0));
/** Most bytes of a word that is shown. */
const WORD = 40;
/** Encodings that are offered. */
const GUESSES = 6;

/** Characters beyond ASCII that are valid UTF-8 by chance at most, in text of another encoding. */
const CHANCE = 2;

/**
 * What bytes that are not UTF-8 may be. Somebody who knows the language sees which.
 * @param before the text in front of the first wrong byte
 */
function guess(bytes: Uint8Array, before: string): Guess[] {
  const at = new TextEncoder().encode(before).length;
  const valid = before.match(/[^\0-\x7f]/gu)?.length ?? 0;
  const western = isWestern(bytes.subarray(at));
  // A file whose other parts are UTF-8 was put together: in another encoding those would be garbled.
  if (valid > (western ? 0 : CHANCE)) return [];
  let [from, to] = [at, at + 1];
  const inWord = (i: number) => i >= 0 && i < bytes.length && !SEPARATORS.includes(bytes[i]!);
  while (inWord(from - 1) && at - from < WORD) from--;
  while (inWord(to) && to - at < WORD) to++;
  const word = bytes.subarray(from, to);
  const read = (encodings: [string, string, RegExp?][]) =>
    encodings.flatMap(([encoding, name, looks = /./]): Guess[] => {
      const reads = beginning(word, encoding);
      const letters = reads?.replace(/^\p{P}+|\p{P}+$/gu, '') ?? '';
      return reads === undefined || /\p{C}/u.test(reads) || !looks.test(letters)
        ? []
        : [{ encoding, name, reads }];
    });
  if (!western) return read(OTHERS).slice(0, GUESSES);
  const found = read(WESTERN).filter(
    ({ reads }, i, all) => all.findIndex((other) => other.reads === reads) === i,
  );
  // A capital or a sign between small letters is a small letter of the other encoding.
  const likely = found.filter(({ reads }) => !/\p{Ll}[^\p{Ll}\p{Pd}'’]/u.test(reads.replace(/\P{L}+$/u, '')));
  const onWindows = likely.filter(({ encoding }) => encoding !== 'macintosh');
  return onWindows.length > 0 ? onWindows : likely.length > 0 ? likely : found.slice(0, 1);
}

/** In Western text letters beyond ASCII stand alone; in Greek, Russian or Chinese they follow one another. */
function isWestern(bytes: Uint8Array): boolean {
  let [high, pairs] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! < 0x80) continue;
    high++;
    if ((bytes[i + 1] ?? 0) >= 0x80) pairs++;
  }
  return pairs < high / 4;
}

/** Refuses bytes that no text has: a program or a picture, or UTF-16 without its mark. */
function refuseNul(bytes: Uint8Array, file: string): void {
  const nul = bytes.indexOf(0);
  if (nul === -1) return;
  const odd = bytes.reduce((sum, byte, i) => sum + (byte === 0 ? (i % 2) * 2 - 1 : 0), 0);
  const encoding = odd > 0 ? 'utf-16le' : 'utf-16be';
  const word = /^\S+/.exec(decoded(bytes, encoding) ?? '')?.[0].slice(0, WORD) ?? '';
  // Two bytes of a program are some character of a rare script, too.
  const reads = /^[\p{L}\p{M}\p{N}\p{P}]+$/u.test(word) && odd !== 0 ? word : undefined;
  throw new DesignFileError(
    `${file} is not a text: ${placeAfter(new TextDecoder().decode(bytes.subarray(0, nul)))} is the character NUL.${reads ? ` It looks like UTF-16 ("${reads}").` : ''}`,
    reads ? [{ encoding, name: 'UTF-16', reads }] : [],
  );
}

/** What programs write for characters that they could not read: one for all, or those of Latin-1 that nobody uses. */
const LOST = /[\ufffd\x80-\x9f]/;

/** Refuses text in which an earlier program has lost or garbled characters. */
function refuseLostText(text: string, file: string): void {
  const lost = LOST.exec(text);
  if (lost)
    throw new DesignFileError(
      `${file} has lost text: ${placeAfter(text.slice(0, lost.index))} is U+${lost[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}, which a program wrote instead of a character that it could not read. Save the file again from its source as UTF-8.`,
    );
  for (const [encoding, name] of WESTERN) {
    const was = beforeGarbling(text, encoding);
    if (was === undefined) continue;
    const at = text.search(BEYOND_ASCII);
    const start = text.slice(0, at).search(/[^\s,;"]*$/);
    const wordAt = (whole: string) => /^[^\s,;"]+/.exec(whole.slice(start))![0].slice(0, WORD);
    throw new DesignFileError(
      `${file} was garbled before: ${placeAfter(text.slice(0, start))} is "${wordAt(text)}", which is "${wordAt(was)}" in UTF-8 that was read as ${name}. Save the file again from its source, and choose UTF-8 wherever it is opened in between.`,
    );
  }
}

const BEYOND_ASCII = /[^\0-\x7f]/;

/** The text whose UTF-8 was read in an encoding of one byte a character, if all of it was. By chance no text is so. */
function beforeGarbling(text: string, encoding: string): string | undefined {
  if (!BEYOND_ASCII.test(text)) return undefined;
  const all = decoder(encoding).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const byteOf = new Map(Array.from(all, (character, byte) => [character, byte]));
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = byteOf.get(text[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return decoded(bytes, 'utf-8');
}
