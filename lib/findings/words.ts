import type { Codebook } from './facts.ts';
import type { ContrastFinding, Findings, Group, Share } from './findings.ts';

/** How findings are said: in one place for the page, the command line and the report. */

/** Most characters of a text from outside in a row or a sentence. */
const LONGEST = 160;
/** Letters that are written from right to left, and characters that turn the direction. */
const TURNS =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A text from outside, such as a prompt, as a row or a sentence shows it: what is too long loses its middle, and one that is written
 * from right to left is isolated. Else it turns the numbers beside it, and "97" is read as "79".
 */
export function shown(text: string): string {
  const all = Array.from(text);
  const short =
    all.length > LONGEST ? [...all.slice(0, LONGEST - 50), ' … ', ...all.slice(-45)].join('') : text;
  return TURNS.test(short) ? `\u2068${short.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')}\u2069` : short;
}

const NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const inWords = (n: number) => NUMBERS[n] ?? n.toLocaleString('en');

/** What sums of fractions may be away from what they are. */
const NOTHING = 1e-9;

/** A half is rounded up, also one that a sum of fractions falls short of. */
export const rounded = (value: number, digits: number): number =>
  Math.round(10 ** digits * value + NOTHING) / 10 ** digits;

/** `97`; what is not quite all or nothing is said so: `>99`, `<1`. Without the sign. */
export function percent(share: number): string {
  const whole = rounded(100 * share, 0);
  if (whole === 0 && share > NOTHING) return '<1';
  if (whole === 100 && share < 1 - NOTHING) return '>99';
  return String(whole);
}

/** `+12`, `−3`: a difference in points of a hundred; `+0.4` where it would round to nothing. */
export function points(difference: number): string {
  const exact = 100 * Math.abs(difference);
  if (exact < NOTHING) return '0';
  const digits = rounded(exact, 0) > 0 ? 0 : Math.ceil(-Math.log10(exact));
  return `${difference < 0 ? '−' : '+'}${rounded(exact, digits)}`;
}

/** Pictures, which are not whole where a prediction has several. */
export const pictures = (n: number): string => `${amount(n)} ${rounded(n, 1) === 1 ? 'picture' : 'pictures'}`;
export const amount = (n: number): string => rounded(n, 1).toLocaleString('en');

/** `three raters`, or `one to three raters` where some pictures have fewer. */
export function raterCount({ rated }: Pick<Findings, 'rated'>): string {
  const counts = rated.flatMap((count, raters) => (raters > 0 && count > 0 ? raters : []));
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  if (counts.length === 0) return 'no raters';
  return `${least === most ? '' : `${inWords(least)} to `}${inWords(most)} ${most === 1 ? 'rater' : 'raters'}`;
}

/** The text of an answer in a codebook, as `shown`. */
export function answerText({ questions }: Codebook, question: string, answer: string): string {
  const found = questions.find(({ id }) => id === question)?.answers.find(({ id }) => id === answer);
  return shown(found?.text ?? answer);
}

export const questionText = ({ questions }: Codebook, question: string): string =>
  shown(questions.find(({ id }) => id === question)?.text ?? question);

/** What a share is of: `"a nurse" by a/alpha`. */
function groupWords(group: Group): string {
  const by = group.model === undefined ? 'all models' : shown(group.model);
  if (group.kind === 'pair') return `"${shown(group.prompt)}" by ${by}`;
  if (group.kind === 'model') return `all prompts by ${by}`;
  return `${shown(group.factor)} "${shown(group.value)}" by ${by}`;
}

/**
 * A share as a sentence.
 * @example 'Of 100 pictures of "a nurse" by a/alpha, 97 show "A woman" (92 to 99 %; three raters).'
 */
export function shareSentence(share: Share, findings: Pick<Findings, 'rated'>, codebook: Codebook): string {
  const { n, group, question, answer } = share;
  const what = `"${answerText(codebook, question, answer)}"`;
  const of = `of ${groupWords(group)}`;
  if (share.share === undefined)
    return `No picture ${of} has an answer: how often they show ${what} is not measurable.`;
  if (share.tooFew)
    return `${pictures(n)} ${share.pairs > 1 ? `with ${share.seeds} ${share.seeds === 1 ? 'seed' : 'seeds'} ` : ''}${of}: too few to say how often they show ${what}. ${amount(share.with)} did. Not measurable.`;
  const interval = `${percent(share.low!)} to ${percent(share.high!)} %; ${raterCount(findings)}`;
  if (group.kind !== 'pair')
    return `Of ${pictures(n)} ${of}, ${percent(share.share)} % show ${what}, each prompt alike (${interval}).`;
  const inPercent = n === 100 ? '' : `, ${percent(share.share)} %`;
  return `Of ${pictures(n)} ${of}, ${amount(share.with)} show ${what}${inPercent} (${interval}).`;
}

/**
 * A contrast as a sentence.
 * @example 'b/beta shows "A woman" more often than a/alpha: +15 points (+8 to +22). Certain, also if all that is missing spoke against it.'
 */
export function contrastSentence(contrast: ContrastFinding, codebook: Codebook): string {
  const { question, answer, factor, one, other, model, difference, low, high, certainty } = contrast;
  const side = (value: string) =>
    factor === undefined ? shown(value) : `${shown(factor)} "${shown(value)}"`;
  const where = model === undefined ? '' : ` in ${shown(model)}`;
  const what = `"${answerText(codebook, question, answer)}"`;
  if (difference === undefined || low === undefined || high === undefined)
    return `${side(one)} and ${side(other)}${where}, ${what}: not measurable, because ${factor === undefined ? 'no prompt has pictures with an answer by both' : 'one of them has no picture with an answer'}.`;
  const numbers = `${points(difference)} points (${points(low)} to ${points(high)})`;
  if (certainty === 'not measurable')
    return `${side(one)} and ${side(other)}${where}, ${what}: ${numbers}, but from too few pictures. Not measurable.`;
  const than =
    certainty === 'not certain' && Math.abs(difference) < 0.005
      ? 'about as often as'
      : difference > 0
        ? 'more often than'
        : 'less often than';
  return `${side(one)} shows ${what} ${than} ${side(other)}${where}: ${numbers}. ${certaintyWords(contrast)}`;
}

function certaintyWords({ certainty, survives }: Pick<ContrastFinding, 'certainty' | 'survives'>): string {
  if (certainty === 'not measurable') return 'Not measurable.';
  if (certainty === 'not certain') return 'Not certain: no difference is possible, too.';
  return survives
    ? 'Certain, also if all that is missing spoke against it.'
    : 'Certain for what is shown, but what is missing could undo it.';
}
