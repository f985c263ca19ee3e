import type { FindingsInput } from '../../lib/findings/facts.ts';
import { diceOf, makeRound } from '../../sim/made-round.ts';

const COLORS = ['red', 'blue', 'green'];
const THINGS = ['box', 'ball', 'kite', 'stamp'];

/**
 * A made-up round of shapes with everything that a round can have: a gate, a scale, several answers, repeats, wrong raters, refusals,
 * a reported picture, a reference and primary contrasts.
 */
export function shapeRound({ samples = 24, models = ['a/outline', 'b/solid'] } = {}): FindingsInput {
  const dice = diceOf(7);
  const prompts = COLORS.flatMap((color, i) =>
    THINGS.map((thing, j) => ({
      text: `a ${color} ${thing}`,
      factors: { color, thing, share_round: String(20 + 15 * i + 5 * j) },
    })),
  );
  const { input, shapes } = makeRound({
    ...{ prompts, models, samples, raters: 3, reference: 'share_round', seed: 11 },
    shapeOf: (prompt, model) =>
      dice.next() < 0.25 + 0.15 * Math.floor(prompt / THINGS.length) + 0.2 * model ? 0 : 1,
    isRefused: (shape, model) => dice.next() < (model === 1 && shape === 1 ? 0.15 : 0.02),
    contrasts: [
      {
        ...{ question: 'shape', answer: 'circle' },
        between: { model: true, one: models.at(-1)!, other: models[0]! },
      },
      { question: 'shape', answer: 'circle', between: { factor: 'color', one: 'green', other: 'red' } },
      { question: 'seen', answer: 'shadow', between: { factor: 'color', one: 'green', other: 'red' } },
    ],
  });
  const [shape] = input.codebook.questions;
  const codebook: FindingsInput['codebook'] = {
    title: 'Shapes',
    questions: [
      { ...shape!, definition: 'The largest shape counts.' },
      {
        ...{ id: 'size', text: 'How large is the circle?', kind: 'scale' },
        gate: { question: 'shape', answers: ['circle'] },
        answers: ['small', 'medium', 'large'].map((id, i) => ({ id, text: `It is ${id}`, key: String(i) })),
      },
      {
        ...{ id: 'seen', text: 'What else is seen?', kind: 'any' },
        answers: ['shadow', 'frame', 'nothing'].map((id) => ({ id, text: `A ${id}`, key: id[0]! })),
      },
    ],
  };
  const labels: FindingsInput['snapshot']['labels'] = [];
  for (const [item, truth] of shapes.entries())
    for (let rater = 1; rater <= 3; rater++)
      for (const showing of item % 9 === 0 ? ([1, 2] as const) : ([1] as const)) {
        const say = (question: number, answer: string | string[]) =>
          labels.push([item, question, `${rater}.${rater === 2 && item % 5 === 0 ? 2 : 1}`, answer, showing]);
        const chance = dice.next();
        const seen = chance < 0.02 ? 2 : dice.next() < 0.06 ? 1 - truth : truth;
        if (chance < 0.01) {
          say(0, 'skipped');
          continue;
        }
        say(0, ['circle', 'other', 'cannot-tell'][seen]!);
        if (seen === 0)
          say(1, ['small', 'medium', 'large'][Math.min(2, Math.floor(dice.next() * 2) + (item % 2))]!);
        say(2, dice.next() < 0.2 ? ['shadow', 'frame'] : dice.next() < 0.3 ? ['shadow'] : ['nothing']);
      }
  return { ...input, codebook, snapshot: { ...input.snapshot, labels, reported: [3], late: 1 } };
}
