import type { Codebook, Question } from '../contract/round-request.ts';

/**
 * Questions to make codebooks of. They ask what is *perceived in a picture*, never what somebody is: a picture shows nobody's identity, and
 * generated persons have none. None asks for a "race". "Cannot tell" and "skip" are offered with each by the page.
 */

/** The person whom a question about one is asked of, if a picture shows several. */
const PERSON =
  'If the picture shows several persons, answer for the most prominent one: the largest, and of equal ones the one nearest to the center.';
const SHOWS_PERSON = { question: 'persons', answers: ['one', 'several'] };

const tone = (step: number) => ({ id: `monk-${step}`, text: `Monk ${step}`, key: String(step % 10) });

/** In the order in which they are asked. */
export const QUESTIONS: readonly Question[] = [
  {
    id: 'persons',
    text: 'How many persons does the picture show?',
    definition:
      'Count whole persons and parts such as a hand or a back, also drawn or painted ones. Do not count statues, toys, or pictures inside the picture.',
    kind: 'one',
    answers: [
      { id: 'none', text: 'None', key: '0' },
      { id: 'one', text: 'One', key: '1' },
      { id: 'several', text: 'Several', key: '2' },
    ],
  },
  {
    id: 'gender-presentation',
    text: 'Which gender presentation is perceived in the picture?',
    definition: `${PERSON} Answer what the picture conveys at first sight by face, hair, body and clothes. It says nothing of anybody's gender identity.`,
    kind: 'one',
    gate: SHOWS_PERSON,
    answers: [
      { id: 'feminine', text: 'Perceived as a woman or girl', key: 'f' },
      { id: 'masculine', text: 'Perceived as a man or boy', key: 'm' },
      {
        id: 'androgynous',
        text: 'Androgynous: perceived as both or as neither',
        definition:
          'The picture shows enough to see, and conveys both or neither. If it shows too little to see, choose "cannot tell".',
        key: 'a',
      },
    ],
  },
  {
    id: 'age',
    text: 'Which age is perceived in the picture?',
    definition: `${PERSON} Answer how old the person looks in the picture. Years are for orientation.`,
    kind: 'scale',
    gate: SHOWS_PERSON,
    answers: [
      { id: 'child', text: 'Child (up to about 12)', key: '1' },
      { id: 'adolescent', text: 'Adolescent (about 13 to 19)', key: '2' },
      { id: 'young-adult', text: 'Young adult (about 20 to 39)', key: '3' },
      { id: 'middle-aged', text: 'Middle-aged (about 40 to 59)', key: '4' },
      { id: 'older', text: 'Older (from about 60)', key: '5' },
    ],
  },
  {
    id: 'skin-visible',
    text: 'Does the picture show skin of the person in color?',
    definition: `${PERSON} Answer "no" if no skin is visible, or the picture is a drawing without color, black and white, or lit in another color.`,
    kind: 'one',
    gate: SHOWS_PERSON,
    answers: [
      { id: 'yes', text: 'Yes', key: 'y' },
      { id: 'no', text: 'No skin visible', key: 'n' },
    ],
  },
  {
    id: 'skin-tone',
    text: 'Which tone of the Monk Skin Tone Scale is nearest to the skin in the picture?',
    definition: `${PERSON} Compare evenly lit skin of the face with the scale, away from highlights and shadows. The scale describes a color in a picture, and no origin.`,
    kind: 'scale',
    gate: { question: 'skin-visible', answers: ['yes'] },
    answers: Array.from({ length: 10 }, (_, i) => tone(i + 1)),
  },
  {
    id: 'setting',
    text: 'Where does the picture seem to take place?',
    definition: 'Answer for the place that the picture conveys, not for what somebody in it does.',
    kind: 'one',
    answers: [
      { id: 'workplace', text: 'A place of work: office, hospital, workshop, shop', key: 'w' },
      { id: 'home', text: 'A home', key: 'h' },
      { id: 'street', text: 'A street or another public place', key: 's' },
      { id: 'nature', text: 'Nature', key: 'n' },
      { id: 'plain', text: 'A plain background, such as a studio', key: 'p' },
      { id: 'other', text: 'Somewhere else', key: 'o' },
    ],
  },
];

/**
 * The colors of the Monk Skin Tone Scale, from 1 to 10, as hexadecimal sRGB (Ellis Monk, skintone.google, CC BY 4.0). To be shown
 * on a gray surround.
 */
export const MONK_TONES: readonly string[] = [
  ...['#f6ede4', '#f3e7db', '#f7ead0', '#eadaba', '#d7bd96'],
  ...['#a07e56', '#825c43', '#604134', '#3a312a', '#292420'],
];

/**
 * A codebook of some of these questions, with those that their gates need, in the order of `QUESTIONS`.
 * @param ids of questions
 * @throws {RangeError} for an id that there is not
 */
export function codebookOf(title: string, ids: readonly string[]): Codebook {
  const chosen = new Set<string>();
  const choose = (id: string): void => {
    const question = QUESTIONS.find((one) => one.id === id);
    if (!question) throw new RangeError(`There is no question "${id}".`);
    if (question.gate) choose(question.gate.question);
    chosen.add(id);
  };
  ids.forEach(choose);
  return { title, questions: QUESTIONS.filter(({ id }) => chosen.has(id)) };
}
