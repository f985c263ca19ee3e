import { dollarsOf, microsOf } from '../../../lib/money/price.ts';

/**
 * How the page writes numbers, amounts and times: as the reader's browser is set. The sentences around them are English.
 */
const LOCALES = navigator.languages;

const formatOf = (digits: number) =>
  new Intl.NumberFormat(LOCALES, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const WHOLE = formatOf(0);
const TENTHS = formatOf(1);
const HALVES = new Intl.NumberFormat(LOCALES, { maximumFractionDigits: 1 });
const dollarFormat = (digits: number) =>
  new Intl.NumberFormat(LOCALES, {
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
const CENTS = dollarFormat(2);
const MICROS = dollarFormat(6);
const DATE_TIME = new Intl.DateTimeFormat(LOCALES, { dateStyle: 'medium', timeStyle: 'short' });
const MOMENT = new Intl.DateTimeFormat(LOCALES, { dateStyle: 'medium', timeStyle: 'long' });
const TIME = new Intl.DateTimeFormat(LOCALES, { timeStyle: 'short' });
const UTC_DAY = new Intl.DateTimeFormat(LOCALES, { day: 'numeric', month: 'long', timeZone: 'UTC' });

/** A whole number: `2,000`. Seeds and other identifiers are not written so. */
export const whole = (n: number): string => WHOLE.format(n);

/** With one decimal: `2.0`. */
export const tenths = (n: number): string => TENTHS.format(n);

/** With a decimal only where there is one: `1.5`, `2`. */
export const halves = (n: number): string => HALVES.format(n);

/** A share as a percentage: one decimal below 10 % and above 90 %, none in between. */
export function percent(share: number): string {
  const value = share * 100;
  return value === 0 || value === 100 || (value >= 9.95 && value <= 90.05) ? whole(value) : tenths(value);
}

/** `$0.30`, and of less than a cent all that is there: `$0.003`. */
export function dollars(amount: number): string {
  const exact = dollarsOf(microsOf(amount));
  return (exact > 0 && exact < 0.01 ? MICROS : CENTS).format(exact);
}

/** A date and a time in the reader's time zone: `1 Jan 2026, 12:00`. */
export const dateTime = (at: string): string => DATE_TIME.format(new Date(at));

/** With seconds and the time zone: `1 Jan 2026, 12:00:00 UTC`. */
export const moment = (at: string): string => MOMENT.format(new Date(at));

export const time = (at: string): string => TIME.format(new Date(at));

/** A day and a month in UTC, by which months of a budget begin. */
export const utcDay = (at: string): string => UTC_DAY.format(new Date(at));

/** `1 prompt`, `2 prompts` */
export const some = (n: number, one: string, many: string): string => `${whole(n)} ${n === 1 ? one : many}`;

/** A name or a prompt within a sentence. Its script may run the other way, which must not turn the sentence around. */
export const given = (text: string): string => `\u2068${text}\u2069`;
