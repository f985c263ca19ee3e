import { CANNOT_TELL, SKIPPED } from '../contract/gates.ts';
import type { Codebook, Given, Question } from '../contract/round-request.ts';
import type { Snapshot } from '../contract/rounds.ts';
import { majority } from './agreement.ts';

/** What raters said of the pictures of a round, question by question. */

/** What a rater said to a question that was not shown. */
export const NOT_APPLICABLE = 'not-applicable';

/** What is counted: a question, or one answer of a question that takes several. */
export interface Variable {
  question: Question;
  /** Of a question of the kind `any`: whether this one was given. */
  answer?: string;
  /** What a rating can be, by its code: the answers in their order, then cannot tell, then not applicable. */
  codes: string[];
}

/** Codes of a variable of the kind `any`. */
const [YES, NO] = ['yes', 'no'];

export const variablesOf = ({ questions }: Codebook): Variable[] =>
  questions.flatMap((question): Variable[] =>
    question.kind === 'any'
      ? question.answers.map(({ id }) => ({
          question,
          answer: id,
          codes: [YES, NO, CANNOT_TELL, NOT_APPLICABLE],
        }))
      : [{ question, codes: [...question.answers.map(({ id }) => id), CANNOT_TELL, NOT_APPLICABLE] }],
  );

export const scaleOf = ({ question }: Variable): 'nominal' | 'ordinal' =>
  question.kind === 'scale' ? 'ordinal' : 'nominal';

/** What one rater said of a picture: a code of the variable. */
export interface Rating {
  rater: string;
  code: number;
}

/** Answers of one rater to one picture, by question. */
type Sheet = ReadonlyMap<string, Given>;

/** All labels of a round, as sheets. */
export interface Sheets {
  /** By place of the picture, then by rater: first showings. */
  first: ReadonlyMap<number, ReadonlyMap<string, Sheet>>;
  second: ReadonlyMap<number, ReadonlyMap<string, Sheet>>;
  /** In the order of their names. */
  raters: string[];
}

export function sheetsOf({ questions }: Codebook, { labels }: Pick<Snapshot, 'labels'>): Sheets {
  const showings = [
    new Map<number, Map<string, Map<string, Given>>>(),
    new Map<number, Map<string, Map<string, Given>>>(),
  ] as const;
  const raters = new Set<string>();
  for (const [item, question, rater, answer, showing] of labels) {
    const { id } = questions[question] ?? {};
    if (id === undefined) continue;
    raters.add(rater);
    const sheets = showings[showing - 1]!;
    const ofItem = sheets.get(item) ?? new Map<string, Map<string, Given>>();
    sheets.set(item, ofItem);
    const sheet = ofItem.get(rater) ?? new Map<string, Given>();
    ofItem.set(rater, sheet);
    sheet.set(id, answer);
  }
  return { first: showings[0], second: showings[1], raters: [...raters].sort(byName) };
}

/** `2.1` before `10.1`. */
const byName = (one: string, other: string) => {
  const [a, b] = [one.split('.').map(Number), other.split('.').map(Number)];
  return a[0]! - b[0]! || a[1]! - b[1]!;
};

/**
 * What a rater said to a question. A question behind a gate that stayed closed is not applicable; one behind a gate where the
 * rater could not tell, or skipped, shares that answer.
 */
export function saidTo(
  question: Question,
  sheet: Sheet,
  codebook: Codebook,
): Given | typeof NOT_APPLICABLE | undefined {
  const given = sheet.get(question.id);
  if (given !== undefined || !question.gate) return given;
  const gating = codebook.questions.find(({ id }) => id === question.gate!.question);
  const before = gating && saidTo(gating, sheet, codebook);
  if (before === undefined || before === SKIPPED || before === CANNOT_TELL || before === NOT_APPLICABLE)
    return before;
  return [before].flat().some((one) => question.gate!.answers.includes(one)) ? undefined : NOT_APPLICABLE;
}

/** The code of what a rater said; undefined for a skip or for nothing. */
export function codeOf(
  { question, answer, codes }: Variable,
  sheet: Sheet,
  codebook: Codebook,
): number | undefined {
  const said = saidTo(question, sheet, codebook);
  if (said === undefined || said === SKIPPED) return undefined;
  const name = Array.isArray(said) ? (said.includes(answer ?? '') ? YES! : NO!) : said;
  const code = codes.indexOf(name);
  return code < 0 ? undefined : code;
}

/** The ratings of each picture that has a label or was reported, by its place. Reported ones may have none. */
export function ratingsOf(
  variable: Variable,
  codebook: Codebook,
  { first }: Sheets,
  reported: readonly number[] = [],
): Map<number, Rating[]> {
  const ratings = new Map<number, Rating[]>(reported.map((item) => [item, []]));
  for (const [item, sheets] of first)
    ratings.set(
      item,
      [...sheets].flatMap(([rater, sheet]) => {
        const code = codeOf(variable, sheet, codebook);
        return code === undefined ? [] : [{ rater, code }];
      }),
    );
  return ratings;
}

/** What a picture counts for, where one answer is counted. */
export interface Verdict {
  kind: 'with' | 'without' | 'unclear' | 'not applicable';
  /** Whether all ratings are the answer, and whether one of them is. */
  unanimous: boolean;
  any: boolean;
}

/** @param code that of the answer which is counted */
export function verdictOf(variable: Variable, ratings: readonly Rating[], code: number): Verdict {
  const codes = ratings.map((rating) => rating.code);
  const most = majority(codes);
  const name = most === undefined ? undefined : variable.codes[most];
  const any = codes.includes(code);
  const unanimous = any && codes.every((one) => one === code);
  if (name === undefined || name === CANNOT_TELL) return { kind: 'unclear', unanimous, any };
  if (name === NOT_APPLICABLE) return { kind: 'not applicable', unanimous, any };
  return { kind: most === code ? 'with' : 'without', unanimous, any };
}
