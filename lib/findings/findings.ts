import { CANNOT_TELL, SKIPPED } from '../contract/gates.ts';
import { type Agreement, agreementOf, type Consistency, consistencyOf } from './agreed.ts';
import { type Arms, comparison, exploratory, type Method, survives } from './contrasts.ts';
import {
  boundsOf,
  type Counted,
  countUnits,
  isTooFew,
  observationsOf,
  ratedParts,
  raterRange,
  type Sums,
  sumsOf,
} from './counted.ts';
import { primaryLevel } from './difference.ts';
import {
  type Contrast,
  type FindingsInput,
  type Material,
  materialOf,
  type Outcomes,
  type PairFacts,
} from './facts.ts';
import { measure } from './pooled.ts';
import {
  NOT_APPLICABLE,
  type Rating,
  ratingsOf,
  type Sheets,
  saidTo,
  sheetsOf,
  type Variable,
  variablesOf,
} from './ratings.ts';

export type { Agreement, Consistency, FindingsInput, Outcomes, PairFacts };

/** What a share is of. */
export type Group =
  | { kind: 'pair'; prompt: string; model: string }
  | { kind: 'factor'; factor: string; value: string; model?: string }
  | { kind: 'model'; model: string };

/** How often an answer is the majority of raters in a group of pictures. Shares and bounds are from 0 to 1. */
export interface Share extends Sums {
  question: string;
  answer: string;
  group: Group;
  /** Distinct pictures that have an answer. */
  n: number;
  pairs: number;
  seeds: number;
  /** Absent if no picture has an answer. */
  share?: number;
  low?: number;
  high?: number;
  /** If none, or all, of what is unclear and missing had the answer; and the interval around these. */
  least?: number;
  most?: number;
  outerLow?: number;
  outerHigh?: number;
  /** If all raters had to agree, and if one were enough. */
  unanimous?: number;
  any?: number;
  /** What each rater saw: how many of these pictures have the answer, of those that the rater gave an answer. */
  raters: { rater: string; count: number; n: number }[];
  /** What the design says of the prompt. */
  reference?: number;
  /** Too few pictures to say something. */
  tooFew: boolean;
}

export type Certainty = 'certain' | 'not certain' | 'not measurable';

/** A difference of two groups, one minus other, from -1 to 1. */
export interface ContrastFinding {
  primary: boolean;
  question: string;
  answer: string;
  /** The factor whose values are compared; absent if models are. */
  factor?: string;
  one: string;
  other: string;
  /** The model in which values of a factor are compared; absent for all models together. */
  model?: string;
  /** Of its interval: stricter than 0.95 beside other contrasts. */
  level: number;
  certainty: Certainty;
  method?: Method;
  difference?: number;
  low?: number;
  high?: number;
  /** Pictures of each side; the same number twice where pictures with one seed are compared. */
  n?: [one: number, other: number];
  /** McNemar's exact test. */
  p?: number;
  /** Whether it stays certain if all that is unclear or missing spoke against it. */
  survives: boolean;
  tooFew: boolean;
}

/** What raters said to a question, counted by ratings: first showings. */
export interface Said {
  question: string;
  ratings: number;
  cannotTell: number;
  skipped: number;
  notApplicable: number;
}

/** Everything that the page, the command line and the report say of a round. */
export interface Findings {
  round: { id: string; name: string; closedAt: string };
  raters: string[];
  withdrawn: string[];
  /** Batches of answers that came too late. */
  late: number;
  /** Pictures by how many raters rated them; `rated[0]` has none. */
  rated: number[];
  reported: number;
  /** Predictions whose picture or seed another one of the same prompt and model has, too. They are counted once. */
  equal: number;
  pairs: PairFacts[];
  factors: string[];
  /** Name of the factor that the references are of. */
  reference?: string;
  outcomes: Outcomes[];
  shares: Share[];
  contrasts: ContrastFinding[];
  /** Of all contrasts that are not primary: how many were looked at, how many are certain, and at which level they are shown. */
  exploratory: { count: number; certain: number; level: number };
  agreement: Agreement[];
  consistency: Consistency[];
  said: Said[];
}

/** Factors with more values are not compared value by value. */
const MOST_VALUES = 10;

/**
 * The findings of a closed round: every number that is said of it, and nothing else. It follows from what is given alone.
 * @example findingsOf({ audits: [{ plan, cells }], round, codebook, images, snapshot }).shares
 */
export function findingsOf(input: FindingsInput): Findings {
  const { round, codebook, images, snapshot } = input;
  const material = materialOf(input);
  const sheets = sheetsOf(codebook, snapshot);
  const parts = ratedParts(material, (item) => sheets.first.has(item) || snapshot.reported.includes(item));
  const variables = variablesOf(codebook);
  const ratings = new Map(
    variables.map((variable) => [variable, ratingsOf(variable, codebook, sheets, snapshot.reported)]),
  );
  const counted = variables.flatMap((variable) =>
    answersOf(variable).map(({ answer, code }): Answered => {
      const given = ratings.get(variable)!;
      const units = countUnits(material.units, parts, variable, given, code);
      const byPair = material.pairs.map((): Counted[] => []);
      for (const unit of units) byPair[unit.pair]!.push(unit);
      return { variable, answer, code, byPair, ratings: given };
    }),
  );
  const seeds = seedsOf(material);
  const contrasts = contrastsOf(material, counted, round.contrasts);
  return {
    round: { id: round.id, name: round.name, closedAt: snapshot.closedAt },
    raters: sheets.raters,
    withdrawn: snapshot.withdrawn,
    late: snapshot.late,
    rated: ratedCounts(images.length, sheets),
    reported: snapshot.reported.length,
    equal: material.equal,
    pairs: material.pairs,
    factors: material.factors,
    ...(material.reference === undefined ? {} : { reference: material.reference }),
    outcomes: material.outcomes,
    shares: counted.flatMap((answered) => sharesOf(material, answered, sheets.raters)),
    ...contrasts,
    agreement: variables.map((variable, place) =>
      agreementOf(
        variable,
        ratings.get(variable)!,
        (item) => seeds.get(item) ?? `item ${item}`,
        round.seed + place,
      ),
    ),
    consistency: consistencyOf(variables, codebook, sheets),
    said: codebook.questions.map((question) => {
      const said = [...sheets.first.values()].flatMap((ofItem) =>
        [...ofItem.values()].flatMap((sheet) => saidTo(question, sheet, codebook) ?? []),
      );
      const count = (what: string) => said.filter((one) => one === what).length;
      return {
        question: question.id,
        ratings: [...sheets.first.values()].reduce(
          (sum, ofItem) =>
            sum +
            [...ofItem.values()].filter((sheet) => saidTo(question, sheet, codebook) !== undefined).length,
          0,
        ),
        cannotTell: count(CANNOT_TELL),
        skipped: count(SKIPPED),
        notApplicable: count(NOT_APPLICABLE),
      };
    }),
  };
}

/** An answer that is counted, and the units of each pair as they count for it. */
interface Answered {
  variable: Variable;
  answer: string;
  code: number;
  byPair: Counted[][];
  ratings: ReadonlyMap<number, readonly Rating[]>;
}

/** What is counted of a variable: each answer, or that this one was given. */
const answersOf = ({ question, answer }: Variable): { answer: string; code: number }[] =>
  answer === undefined
    ? question.answers.map(({ id }, code) => ({ answer: id, code }))
    : [{ answer, code: 0 }];

/** The seed of each picture of the round. */
const seedsOf = ({ units }: Material) =>
  new Map(
    units.flatMap(({ seed, pictures }) =>
      pictures.flatMap(({ item }): [number, string][] => (item === undefined ? [] : [[item, seed]])),
    ),
  );

function ratedCounts(items: number, { first }: Sheets): number[] {
  const counts: number[] = [];
  for (let item = 0; item < items; item++) {
    const raters = [...(first.get(item)?.values() ?? [])].filter((sheet) =>
      [...sheet.values()].some((given) => given !== SKIPPED),
    ).length;
    counts[raters] = (counts[raters] ?? 0) + 1;
  }
  return Array.from(counts, (count) => count ?? 0);
}

/** All groups that have shares. */
function groupsOf({ pairs, factors }: Material): { group: Group; pairs: PairFacts[] }[] {
  const models = [...new Set(pairs.map(({ model }) => model))];
  const valuesOf = (factor: string) => [...new Set(pairs.flatMap(({ factors: all }) => all[factor] ?? []))];
  return [
    ...pairs.map((pair) => ({
      group: { kind: 'pair' as const, prompt: pair.prompt, model: pair.model },
      pairs: [pair],
    })),
    ...factors.flatMap((factor) =>
      valuesOf(factor).flatMap((value) => {
        const of = pairs.filter(({ factors: all }) => all[factor] === value);
        const one = (model: string) => ({
          group: { kind: 'factor' as const, factor, value, model },
          pairs: of.filter((pair) => pair.model === model),
        });
        const all = { group: { kind: 'factor' as const, factor, value }, pairs: of };
        return [
          ...models.map(one).filter((group) => group.pairs.length > 0),
          ...(models.length > 1 ? [all] : []),
        ];
      }),
    ),
    ...models.map((model) => ({
      group: { kind: 'model' as const, model },
      pairs: pairs.filter((pair) => pair.model === model),
    })),
  ];
}

function sharesOf(material: Material, answered: Answered, raters: readonly string[]): Share[] {
  const { variable, answer, byPair } = answered;
  const itemsOf = new Map<number, number[]>();
  for (const { pair, pictures } of material.units)
    for (const { item } of pictures)
      if (item !== undefined) itemsOf.set(pair, [...(itemsOf.get(pair) ?? []), item]);
  return groupsOf(material).map(({ group, pairs }): Share => {
    const places = pairs.map(({ place }) => place);
    const own = places.flatMap((place) => byPair[place]!);
    const found = measure(observationsOf(own, 'left out'));
    const bounds = boundsOf(own);
    const { unanimous, any } = raterRange(own);
    const reference = pairs.length === 1 ? pairs[0]!.reference : undefined;
    return {
      question: variable.question.id,
      answer,
      group,
      n: found?.n ?? 0,
      pairs: found?.pairs ?? 0,
      seeds: found?.seeds ?? 0,
      ...(found ? { share: found.share, low: found.low, high: found.high } : {}),
      ...(bounds
        ? { least: bounds.least, most: bounds.most, outerLow: bounds.outer.low, outerHigh: bounds.outer.high }
        : {}),
      ...sumsOf(own),
      ...(unanimous === undefined ? {} : { unanimous }),
      ...(any === undefined ? {} : { any }),
      raters: byRater(
        answered,
        raters,
        places.flatMap((place) => itemsOf.get(place) ?? []),
      ),
      ...(reference === undefined ? {} : { reference }),
      tooFew: isTooFew(found?.effective ?? 0),
    };
  });
}

function byRater(
  { variable, code, ratings }: Answered,
  raters: readonly string[],
  items: readonly number[],
): Share['raters'] {
  const counts = new Map(raters.map((rater) => [rater, { rater, count: 0, n: 0 }]));
  for (const item of items)
    for (const rating of ratings.get(item) ?? []) {
      const name = variable.codes[rating.code];
      if (name === CANNOT_TELL || name === NOT_APPLICABLE) continue;
      const own = counts.get(rating.rater)!;
      own.n++;
      if (rating.code === code) own.count++;
    }
  return [...counts.values()].filter(({ n }) => n > 0);
}

/** What is compared: two values of a factor, or two models. */
type Between = Pick<ContrastFinding, 'question' | 'answer' | 'factor' | 'one' | 'other' | 'model'>;

/** The pairs of two sides, and what each pair has in common with others. */
interface Sides {
  one: number[];
  other: number[];
  strata: number[];
}

function sidesOf({ pairs }: Material, { factor, one, other, model }: Between): Sides {
  const sideOf = ({ factors, model: own }: PairFacts) =>
    factor === undefined ? own : model === undefined || model === own ? factors[factor] : undefined;
  const names = pairs.map((pair) => {
    if (factor === undefined) return pair.prompt;
    const { [factor]: _compared, ...rest } = pair.factors;
    return JSON.stringify([pair.model, Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))]);
  });
  const numbers = new Map([...new Set(names)].map((name, number) => [name, number]));
  const side = (value: string) => pairs.flatMap((pair) => (sideOf(pair) === value ? pair.place : []));
  return { one: side(one), other: side(other), strata: names.map((name) => numbers.get(name)!) };
}

function contrastsOf(
  material: Material,
  counted: readonly Answered[],
  named: readonly Contrast[],
): Pick<Findings, 'contrasts' | 'exploratory'> {
  const byAnswer = new Map(
    counted.map((one) => [JSON.stringify([one.variable.question.id, one.answer]), one.byPair]),
  );
  // The same for all answers.
  const known = new Map<string, Sides>();
  const armsOf = (between: Between): Arms => {
    const { question, answer, ...rest } = between;
    const key = JSON.stringify([rest.factor ?? null, rest.one, rest.other, rest.model ?? null]);
    const sides = known.get(key) ?? sidesOf(material, between);
    known.set(key, sides);
    const byPair = byAnswer.get(JSON.stringify([question, answer])) ?? [];
    const side = (places: readonly number[]) => places.flatMap((place) => byPair[place] ?? []);
    return {
      ...{ one: side(sides.one), other: side(sides.other) },
      ...{ stratumOf: (place) => sides.strata[place]!, mayDiffer: between.factor !== undefined },
    };
  };
  const primary = named.flatMap((contrast) => primaryOf(material, contrast));
  const isPrimary = new Set(primary.map(nameOf));
  const others = counted
    .flatMap(({ variable, answer }) => everyContrast(material, variable.question.id, answer))
    .filter((between) => !isPrimary.has(nameOf(between)));
  const looked = others.flatMap((between) => {
    const compare = comparison(armsOf(between));
    return compare && !compare().tooFew ? { between, compare } : [];
  });
  const found = exploratory(looked.map(({ compare }) => compare));
  const level = primaryLevel(Math.max(1, primary.length));
  return {
    contrasts: [
      ...primary.map((between) => findingOf(between, armsOf(between), level, true)),
      ...looked.map(({ between }) => findingOf(between, armsOf(between), found.level, false)),
    ],
    exploratory: { count: looked.length, ...found },
  };
}

const nameOf = ({ question, answer, factor, one, other, model }: Between) =>
  JSON.stringify([question, answer, factor ?? null, [one, other].sort(), model ?? null]);

/** What tells models of one name apart: a version, a number. */
const SUFFIX = /^( \([^)]*\))?( #\d+)?$/;

/** A contrast of models names them as requests do: several with other versions or inputs are compared each, a model with itself by every two. */
function primaryOf({ pairs }: Material, { question, answer, between }: Contrast): Between[] {
  if ('factor' in between) return [{ question, answer, ...between }];
  const labels = [...new Set(pairs.map(({ model }) => model))];
  const called = (name: string) =>
    labels.filter((label) => label.startsWith(name) && SUFFIX.test(label.slice(name.length)));
  const sides =
    between.one === between.other
      ? everyTwo(called(between.one))
      : called(between.one).flatMap((one) => called(between.other).map((other) => [one, other] as const));
  return sides.map(([one, other]) => ({ question, answer, one, other }));
}

/** Every two models, and in each model every two values of a factor. */
function everyContrast({ pairs, factors }: Material, question: string, answer: string): Between[] {
  const models = [...new Set(pairs.map(({ model }) => model))];
  return [
    ...everyTwo(models).map(([one, other]) => ({ question, answer, one, other })),
    ...factors.flatMap((factor) =>
      models.flatMap((model) => {
        const own = pairs.filter((pair) => pair.model === model);
        const values = [...new Set(own.flatMap(({ factors: all }) => all[factor] ?? []))];
        if (values.length > MOST_VALUES) return [];
        const of = models.length > 1 ? { model } : {};
        return everyTwo(values).map(([one, other]) => ({ question, answer, factor, one, other, ...of }));
      }),
    ),
  ];
}

const everyTwo = <T>(things: readonly T[]): [T, T][] =>
  things.flatMap((one, i) => things.slice(i + 1).map((other): [T, T] => [one, other]));

function findingOf(between: Between, arms: Arms, level: number, primary: boolean): ContrastFinding {
  const { certain, tooFew, ...numbers } = comparison(arms)?.(level) ?? { certain: false, tooFew: true };
  return {
    primary,
    ...between,
    level,
    certainty: tooFew ? 'not measurable' : certain ? 'certain' : 'not certain',
    ...numbers,
    survives: survives(arms, level),
    tooFew,
  };
}
