import { createHash } from 'node:crypto';
import { ReplicateRefusal } from './errors.ts';

/**
 * Recognizes a secret in a text without knowing it: that a text of this length has these hashes. Of a secret with at least 16
 * characters that nobody can guess, it says nothing that helps to find it.
 */
export interface Fingerprint {
  length: number;
  /** Hex. */
  salt: string;
  /** 32 bits, which a sliding window calculates in one step for each character. */
  rolling: number;
  /** Hex, of the salt and the text. */
  sha256: string;
}

/** What stands where a secret was. */
export const REDACTED = '[redacted]';

/** Secrets that can be recognized: visible ASCII characters alone. */
export const RECOGNIZABLE = /^[\x21-\x7e]{16,1000}$/;

/** Draws a salt: 128 bits in hex. */
export type Salt = () => string;

/** The fingerprints of a secret in each form in which a program is likely to repeat it; as it is, comes first. */
export const fingerprintsOf = (secret: string, salt: Salt): Fingerprint[] =>
  [...new Set(formsOf(secret))].map((form) => fingerprint(form, salt()));

const formsOf = (secret: string): string[] => [
  secret,
  // As the name of a host has it.
  secret.toLowerCase(),
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret.toWellFormed()),
  ...[0, 1, 2].flatMap((before) =>
    (['base64', 'base64url'] as const).map((encoding) => base64Within(secret, before, encoding)),
  ),
];

/** The characters of base64 that the secret alone decides, where so many bytes modulo 3 stand before it. */
function base64Within(secret: string, before: number, encoding: 'base64' | 'base64url'): string {
  const bytes = Buffer.from('\0'.repeat(before) + secret);
  return bytes.toString(encoding).slice(Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6));
}

function fingerprint(text: string, salt: string): Fingerprint {
  let rolling = 0;
  for (let i = 0; i < text.length; i++) rolling = step(rolling, baseOf(salt), text.charCodeAt(i));
  return { length: text.length, salt, rolling, sha256: hash(salt, text) };
}

/** Looked up once: it runs for each character. */
const { imul } = Math;
const hash = (salt: string, text: string): string =>
  createHash('sha256').update(salt).update(text).digest('hex');
/** Odd, so that every character counts. */
const baseOf = (salt: string): number => Number.parseInt(salt.slice(0, 8), 16) | 1;
const step = (rolling: number, base: number, code: number): number => (imul(rolling, base) + code) | 0;

/** Whether a text is exactly what a fingerprint was made of. */
export const isSame = ({ length, salt, sha256 }: Fingerprint, text: string): boolean =>
  text.length === length && hash(salt, text) === sha256;

/** Where a text contains what a fingerprint was made of; takes one step for each character. */
function placesOf(known: Fingerprint, text: string): number[] {
  const { length, salt, rolling } = known;
  const places: number[] = [];
  // An output may be a million numbers.
  if (text.length < length) return places;
  const base = baseOf(salt);
  let top = 1;
  for (let i = 0; i < length; i++) top = imul(top, base);
  let window = 0;
  for (let i = 0; i < text.length; i++) {
    window = step(window, base, text.charCodeAt(i));
    if (i >= length) window = (window - imul(text.charCodeAt(i - length), top)) | 0;
    const from = i - length + 1;
    if (window === rolling && from >= 0 && isSame(known, text.slice(from, i + 1))) places.push(from);
  }
  return places;
}

/** Part of a text, from the first character to behind the last. */
interface Span {
  from: number;
  to: number;
}

/** A text with `[redacted]` in place of each part that has one of the fingerprints; the text itself if none has. */
export function redactText(text: string, known: readonly Fingerprint[]): string {
  const spansIn = (one: string): Span[] =>
    known.flatMap((fingerprint) =>
      placesOf(fingerprint, one).map((from) => ({ from, to: from + fingerprint.length })),
    );
  const found = [...spansIn(text), ...disguisedSpansIn(text, spansIn)].sort(
    (one, other) => one.from - other.from,
  );
  let clean = '';
  let end = 0;
  for (const { from, to } of found) {
    if (from >= end) clean += text.slice(end, from) + REDACTED;
    end = Math.max(end, to);
  }
  return clean + text.slice(end);
}

/** What programs write within a secret or instead of its signs: ends of lines, frames of tables, escapes of addresses and of JSON. */
const DISGUISE = /[\s\u2500-\u257f]+|%[\da-f]{2}|\\(?:u[\da-f]{4}|x[\da-f]{2}|[nrt"'\\/])/gi;

/** The sign that an escape stands for; empty for what only divides. */
function signOf(disguise: string): string {
  const [first, second = ''] = disguise;
  if (first === '%') return String.fromCharCode(Number.parseInt(disguise.slice(1), 16));
  if (first !== '\\' || /[nrt]/i.test(second)) return '';
  return disguise.length > 2 ? String.fromCharCode(Number.parseInt(disguise.slice(2), 16)) : second;
}

/** An answer of 24 MB is undone in pieces, so that it takes little memory. */
const PIECE = 256 * 1024;
/** Most characters that a secret takes with its disguise: 1,000 signs of six characters, and frames between lines. */
const OVERLAP = 16 * 1024;

/** Where a text has secrets that are disguised. */
function disguisedSpansIn(text: string, spansIn: (one: string) => Span[]): Span[] {
  const found: Span[] = [];
  for (let at = 0; at < text.length; at += PIECE) {
    const start = Math.max(0, at - OVERLAP);
    const piece = text.slice(start, at + PIECE);
    const plain = piece.replace(DISGUISE, signOf);
    const spans = plain === piece ? [] : spansIn(plain);
    for (const { from, to } of originsOf(piece, spans)) found.push({ from: start + from, to: start + to });
  }
  return found;
}

/** Where spans of the text without disguise are in the text itself. */
function originsOf(text: string, spans: readonly Span[]): Span[] {
  const places = [...new Set(spans.flatMap(({ from, to }) => [from, to - 1]))].sort(
    (one, other) => one - other,
  );
  const origins = new Map<number, Span>();
  let next = 0;
  let [plain, end] = [0, 0];
  /** Characters up to a place in the text stand for themselves. */
  const passTo = (origin: number) => {
    for (; next < places.length && places[next]! < plain + origin - end; next++) {
      const from = end + places[next]! - plain;
      origins.set(places[next]!, { from, to: from + 1 });
    }
    plain += origin - end;
    end = origin;
  };
  for (const { 0: disguise, index } of text.matchAll(DISGUISE)) {
    passTo(index);
    if (signOf(disguise) !== '') {
      if (places[next] === plain) origins.set(places[next++]!, { from: index, to: index + disguise.length });
      plain++;
    }
    end = index + disguise.length;
  }
  passTo(text.length);
  return spans.map(({ from, to }) => ({ from: origins.get(from)!.from, to: origins.get(to - 1)!.to }));
}

/** Returns a copy of a value without secrets, or the value itself. */
export type Redact = <T>(value: T) => T;

/** Nothing that a model says is nested deeper, unless it wants to bring a function down. */
const MAX_DEPTH = 500;

/** Removes what has one of the fingerprints from all texts in a value. What is nested too deep becomes null. */
export const redactorOf = (known: readonly Fingerprint[]): Redact => {
  const clean = (text: string) => redactText(text, known);
  return known.length === 0 ? (value) => value : <T>(value: T) => mapTexts(value, clean) as T;
};

/** A copy of a value whose texts, names of members and numbers have passed through a function. */
function mapTexts(value: unknown, clean: (text: string) => string, depth = 0): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value === 'number') return clean(String(value)) === String(value) ? value : REDACTED;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((member) => mapTexts(member, clean, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [clean(name), mapTexts(member, clean, depth + 1)]),
  );
}

const WITHHELD =
  '[withheld: the record of a secret is missing, so that nothing could remove the secret from this text]';
const ORDINARY_NAME = /^[a-z_]{1,40}$/;

/** Keeps nothing of a value but numbers with ordinary names: for words in which a secret cannot be recognized. */
export const withhold: Redact = <T>(value: T) => {
  if (typeof value === 'string') return (value === '' ? value : WITHHELD) as T;
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([name, member]) => typeof member === 'number' && ORDINARY_NAME.test(name),
  );
  return (Array.isArray(value) ? [] : Object.fromEntries(kept)) as T;
};

/** An error without secrets in its message and in what caused it; the same one if there are none. */
export function redactError(error: unknown, redact: Redact): unknown {
  if (typeof error === 'string') return redact(error);
  if (!(error instanceof Error)) return error;
  const words = redact(error.message);
  const cause = redactError(error.cause, redact);
  if (words === error.message && cause === error.cause) return error;
  return error instanceof ReplicateRefusal
    ? new ReplicateRefusal(error.status, words, error.retryAfter)
    : new Error(words, cause === undefined ? {} : { cause });
}
