import { invalidArgument, malformedXml, S3Error } from './errors.ts';

/** GOVERNANCE may be lifted by callers with a permission for it, COMPLIANCE by nobody. */
export const MODES = ['GOVERNANCE', 'COMPLIANCE'] as const;
export type Mode = (typeof MODES)[number];

/** What protects a version from deletion. */
export interface Lock {
  mode?: Mode;
  /** Milliseconds since 1970; comes with `mode`. */
  until?: number;
  hold?: boolean;
}

/** Object Lock of a bucket, and how long what is written without a lock of its own is kept. */
export interface BucketLock {
  retention?: { mode: Mode; days?: number; years?: number };
}

const MAX_DAYS = 36_500;
const MAX_YEARS = 100;

const protectedError = () =>
  new S3Error('AccessDenied', 'Access Denied because object protected by object lock.');

export const missingConfiguration = () =>
  new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');

/** Undefined where it is none of S3's. */
export const modeNamed = (text: string | undefined): Mode | undefined => MODES.find((mode) => mode === text);

const isRetained = (lock: Lock, now: number) => lock.until !== undefined && lock.until > now;

/** Throws AccessDenied where the lock forbids to delete the version. */
export function checkDeletion(lock: Lock | undefined, now: number, bypass: boolean): void {
  if (lock === undefined) return;
  if (lock.hold || (isRetained(lock, now) && !(lock.mode === 'GOVERNANCE' && bypass))) throw protectedError();
}

/** Throws AccessDenied where a retention would become weaker and the caller may not do that. */
export function checkRetention(current: Lock | undefined, next: Lock, now: number, bypass: boolean): void {
  if (current === undefined || !isRetained(current, now)) return;
  const stronger = next.mode === current.mode && next.until !== undefined && next.until >= current.until!;
  if (!stronger && !(current.mode === 'GOVERNANCE' && bypass)) throw protectedError();
}

/** A date that is still to come. Throws InvalidArgument. */
export function retainUntil(text: string, now: number, name: string): number {
  const until = Date.parse(text);
  if (Number.isNaN(until))
    throw invalidArgument('The retain until date must be provided in ISO 8601 format', name, text);
  if (until <= now) throw invalidArgument('The retain until date must be in the future!', name, text);
  return until;
}

/** What the bucket gives to an object that brings no retention. */
export function defaultLock(bucket: BucketLock | undefined, now: number): Lock {
  const { mode, days, years } = bucket?.retention ?? {};
  if (mode === undefined) return {};
  const until = new Date(now);
  if (years !== undefined) until.setUTCFullYear(until.getUTCFullYear() + years);
  else until.setUTCDate(until.getUTCDate() + (days ?? 0));
  return { mode, until: until.getTime() };
}

/** A default retention as the API gives it. Throws MalformedXML, InvalidArgument. */
export function bucketRetention(
  modeText: string | undefined,
  daysText: string | undefined,
  yearsText: string | undefined,
): NonNullable<BucketLock['retention']> {
  const mode = modeNamed(modeText);
  if (mode === undefined || (daysText === undefined) === (yearsText === undefined)) throw malformedXml();
  const [name, text, max] =
    daysText === undefined ? ['Years', yearsText!, MAX_YEARS] : ['Days', daysText, MAX_DAYS];
  const value = Number(text);
  if (!Number.isInteger(value)) throw malformedXml();
  if (value <= 0) {
    throw invalidArgument('Default retention period must be a positive integer value.', String(name), text);
  }
  if (value > Number(max)) {
    throw invalidArgument('Default retention period too large.', String(name), text);
  }
  return daysText === undefined ? { mode, years: value } : { mode, days: value };
}
