import { parseArgs } from 'node:util';
import { type FindingsInput, findingsOf, type Share } from '../lib/findings/findings.ts';
import { wilson } from '../lib/findings/proportion.ts';
import { type Dice, diceOf, type MadeRound, makeRound } from './made-round.ts';

/**
 * Plays rounds whose truth is known, and counts how often findings hold it: `npm run sim:findings`. The same seeds play the same
 * rounds on every machine.
 */

/** A line of the table. */
export interface Line {
  scenario: string;
  /** What was counted. */
  measure: string;
  value: number;
  /** What it must be, and whether it is. */
  required: string;
  holds: boolean;
}

/** Prompts whose true shares differ: from 0.2 to 0.8. */
const shareOf = (prompt: number, prompts: number) => 0.2 + (0.6 * prompt) / Math.max(1, prompts - 1);

/** The normal distribution's quantile, by bisection of its distribution function (Abramowitz and Stegun 7.1.26). */
function quantile(p: number): number {
  let [from, to] = [-8, 8];
  for (let i = 0; i < 60; i++) {
    const middle = (from + to) / 2;
    if (normalBelow(middle) < p) from = middle;
    else to = middle;
  }
  return from;
}
function normalBelow(x: number): number {
  const t = 1 / (1 + 0.3275911 * (Math.abs(x) / Math.SQRT2));
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
    Math.exp(-(x ** 2) / 2);
  return x > 0 ? 1 - tail / 2 : tail / 2;
}

/**
 * Shapes whose latent cause has a part that all pictures with one seed share. The true share of a prompt does not depend on it.
 * @param effect 0: none; 1: pictures with one seed show the same
 */
function latent(dice: Dice, effect: number, thresholds: readonly number[]) {
  const bySeed = new Map<string, number>();
  return (prompt: number, model: number, seed: number): number => {
    const key = `${model}/${seed}`;
    const shared = bySeed.get(key) ?? dice.normal();
    bySeed.set(key, shared);
    const value = Math.sqrt(effect) * shared + Math.sqrt(1 - effect) * dice.normal();
    return value < thresholds[prompt]! ? 0 : 1;
  };
}

const prompts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ text: `a picture of thing ${i}` }));

const shareIn = (input: FindingsInput, kind: Share['group']['kind']) =>
  findingsOf(input).shares.find(({ answer, group }) => answer === 'circle' && group.kind === kind)!;

const covers = ({ low, high }: { low?: number; high?: number }, truth: number) =>
  low !== undefined && high !== undefined && low <= truth && truth <= high;

/** How many of so many rounds hold. */
const shareOfRounds = (rounds: number, holds: (round: number) => boolean) =>
  Array.from({ length: rounds }, (_, round) => holds(round)).filter(Boolean).length / rounds;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** One pair with perfect raters: every round of these has another true share. */
function onePair(rounds: number): Line[] {
  return [20, 100].map((samples) => {
    const value = shareOfRounds(rounds, (round) => {
      const dice = diceOf(round);
      const truth = 0.02 + 0.96 * dice.next();
      const { input } = makeRound({
        ...{ prompts: prompts(1), models: ['a/a'], samples, raters: 1 },
        shapeOf: () => (dice.next() < truth ? 0 : 1),
      });
      return covers(shareIn(input, 'pair'), truth);
    });
    return line(
      `one prompt, ${samples} pictures, perfect raters`,
      'interval holds the truth',
      value,
      '≥',
      0.92,
    );
  });
}

/** Forty prompts with the same 20 seeds. */
function pooledPairs(rounds: number): Line[] {
  const count = 40;
  const thresholds = prompts(count).map((_, i) => quantile(shareOf(i, count)));
  const truth = mean(prompts(count).map((_, i) => shareOf(i, count)));
  return [0, 0.1, 0.3].flatMap((effect) => {
    let plain = 0;
    const value = shareOfRounds(rounds, (round) => {
      const dice = diceOf(round);
      const { input, shapes } = makeRound({
        ...{ prompts: prompts(count), models: ['a/a'], samples: 20, raters: 1 },
        shapeOf: latent(dice, effect, thresholds),
      });
      const circles = shapes.filter((shape) => shape === 0).length;
      if (covers(wilson(circles, shapes.length), truth)) plain++;
      return covers(shareIn(input, 'model'), truth);
    });
    const scenario = `40 prompts × 20 shared seeds, effect of seeds ${effect}`;
    return [
      line(scenario, 'pooled interval holds the truth', value, '≥', 0.92),
      line(scenario, "Wilson's over all pictures, for comparison", plain / rounds),
    ];
  });
}

/** Two models; one shows the shape more often. */
function twoModels(rounds: number): Line[] {
  return [0, 0.3].flatMap((effect) =>
    [20, 6].map((samples) => {
      const count = 12;
      const more = 0.15;
      const value = shareOfRounds(rounds, (round) => {
        const dice = diceOf(round);
        const models = [0, more].map((extra) =>
          latent(
            dice,
            effect,
            prompts(count).map((_, i) => quantile(shareOf(i, count) + extra)),
          ),
        );
        const { input } = makeRound({
          ...{ prompts: prompts(count), models: ['a/a', 'b/b'], samples, raters: 1 },
          shapeOf: (prompt, model, seed) => models[model]!(prompt, model, seed),
        });
        const found = findingsOf({
          ...input,
          round: {
            ...input.round,
            contrasts: [
              { question: 'shape', answer: 'circle', between: { model: true, one: 'b/b', other: 'a/a' } },
            ],
          },
        }).contrasts[0]!;
        return covers(found, more);
      });
      return line(
        `two models, 12 prompts × ${samples} seeds, effect of seeds ${effect}`,
        'interval of the difference holds the truth',
        value,
        '≥',
        0.92,
      );
    }),
  );
}

/** Three raters who are wrong in one of ten pictures each. */
function wrongRaters(rounds: number): Line[] {
  const [truth, error] = [0.3, 0.1];
  const wrong = 3 * error ** 2 - 2 * error ** 3;
  const theory = truth * (1 - wrong) + (1 - truth) * wrong - truth;
  const found: number[] = [];
  const holds = shareOfRounds(rounds, (round) => {
    const dice = diceOf(round);
    const { input, shapes } = makeRound({
      ...{ prompts: prompts(1), models: ['a/a'], samples: 100, raters: 3 },
      shapeOf: () => (dice.next() < truth ? 0 : 1),
      saidOf: (shape) => ((dice.next() < error ? 1 - shape : shape) === 0 ? 'circle' : 'other'),
    });
    const { share, unanimous, any } = shareIn(input, 'pair');
    const shown = shapes.filter((shape) => shape === 0).length / shapes.length;
    found.push(share! - truth);
    return unanimous! <= shown && shown <= any!;
  });
  const bias = mean(found);
  const deviation = Math.sqrt(mean(found.map((value) => (value - bias) ** 2)) / found.length);
  const scenario = 'three raters, each wrong in 10 % of pictures';
  return [
    line(scenario, 'range of raters holds the true share of the pictures', holds, '≥', 0.95),
    {
      scenario,
      measure: `bias of the majority; theory says ${theory.toFixed(4)}`,
      value: bias,
      required: `within 4 standard errors (${(4 * deviation).toFixed(4)})`,
      holds: Math.abs(bias - theory) <= 4 * deviation,
    },
  ];
}

/** A model that refuses three of ten circles, and one of twenty others. */
function refusals(rounds: number): Line[] {
  return [1, 20].flatMap((count) => {
    const truth = mean(prompts(count).map((_, i) => (count === 1 ? 0.6 : shareOf(i, count))));
    let plain = 0;
    const value = shareOfRounds(rounds, (round) => {
      const dice = diceOf(round);
      const { input } = makeRound({
        ...{ prompts: prompts(count), models: ['a/a'], samples: count === 1 ? 100 : 20, raters: 1 },
        shapeOf: (prompt) => (dice.next() < (count === 1 ? 0.6 : shareOf(prompt, count)) ? 0 : 1),
        isRefused: (shape) => dice.next() < (shape === 0 ? 0.3 : 0.05),
      });
      const found = shareIn(input, count === 1 ? 'pair' : 'model');
      if (covers(found, truth)) plain++;
      return covers({ low: found.outerLow!, high: found.outerHigh! }, truth);
    });
    const scenario = `refusals that depend on the shape, ${count === 1 ? 'one prompt' : '20 prompts'}`;
    return [
      line(scenario, 'bounds hold the truth', value, '≥', 0.95),
      line(scenario, 'interval of what is shown, for comparison', plain / rounds),
    ];
  });
}

/** Five models and four values of a factor, which are all alike: 40 contrasts of each of three answers. */
function equalModels(rounds: number, effect: number, things: number): Line[] {
  const values = ['north', 'east', 'south', 'west'];
  const made = (dice: Dice): MadeRound => {
    const shared = new Map<number, number>();
    return {
      prompts: values.flatMap((place) =>
        Array.from({ length: things }, (_, i) => i).map((i) => ({
          text: `thing ${i} in the ${place}`,
          factors: { place, thing: String(i) },
        })),
      ),
      models: ['a/a', 'b/b', 'c/c', 'd/d', 'e/e'],
      samples: 60 / things,
      sharesSeeds: effect > 0,
      answers: ['circle', 'square', 'star'],
      raters: 1,
      shapeOf: (_prompt, _model, seed) => {
        const own = shared.get(seed) ?? dice.next();
        shared.set(seed, own);
        const value = dice.next() < effect ? own : dice.next();
        return value < 0.7 ? 0 : value < 0.95 ? 1 : 2;
      },
    };
  };
  let contrasts = 0;
  const value = shareOfRounds(rounds, (round) => {
    const { input } = makeRound(made(diceOf(round)));
    const found = findingsOf(withoutThings(input)).exploratory;
    contrasts = found.count;
    return found.certain > 0;
  });
  return [
    line(
      `five equal models, ${4 * things} prompts × ${60 / things} seeds, effect of seeds ${effect}, ${contrasts} contrasts`,
      'rounds that claim any difference',
      value,
      '≤',
      0.05,
    ),
  ];
}

/** The factor that only keeps prompts apart is not compared. */
function withoutThings(input: FindingsInput): FindingsInput {
  return {
    ...input,
    audits: input.audits.map(({ plan, cells }) => ({
      cells,
      plan: {
        ...plan,
        prompts: plan.prompts.map(({ text, factors }) => ({ text, factors: { place: factors!.place! } })),
      },
    })),
  };
}

function line(scenario: string, measure: string, value: number, sign?: '≥' | '≤', bound = 0): Line {
  return {
    scenario,
    measure,
    value,
    required: sign ? `${sign} ${Math.round(100 * bound)} %` : '',
    holds: sign === '≥' ? value >= bound : sign === '≤' ? value <= bound : true,
  };
}

/** Each kind by its name. */
export const SCENARIOS: Record<string, (rounds: number) => Line[]> = {
  onePair,
  pooledPairs,
  twoModels,
  wrongRaters,
  refusals,
  equalModels: (rounds) => equalModels(rounds, 0, 1),
  equalModelsOfThings: (rounds) => equalModels(rounds, 0, 3),
  equalModelsOfSeeds: (rounds) => equalModels(rounds, 0.3, 3),
};

/** As Markdown. */
export function tableOf(lines: readonly Line[]): string {
  const shown = ({ value, required }: Line) =>
    required.startsWith('within') ? value.toFixed(4) : `${(100 * value).toFixed(1)} %`;
  return [
    '| rounds | what was counted | found | required |',
    '|---|---|---|---|',
    ...lines.map(
      (one) =>
        `| ${one.scenario} | ${one.measure} | ${shown(one)} | ${one.required}${one.holds ? '' : ' **missed**'} |`,
    ),
  ].join('\n');
}

function main(): void {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '1000' }, only: { type: 'string' } },
  });
  const lines = Object.entries(SCENARIOS)
    .filter(([name]) => values.only === undefined || name === values.only)
    .flatMap(([, play]) => play(Number(values.rounds)));
  console.log(tableOf(lines));
  if (lines.some(({ holds }) => !holds)) process.exitCode = 1;
}

if (import.meta.main) main();
