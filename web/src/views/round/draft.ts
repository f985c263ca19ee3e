import { QUESTIONS } from '../../../../lib/rounds/templates.ts';
import type { Codebook, Contrast, Plan, Question, RoundRequest } from '../../api/types.ts';
import type { Problem } from '../../parts/problem.ts';
import { words } from '../../words/rounds.ts';
import { type Practice, validPractice } from './practice.tsx';

/** How long an answer takes, in seconds. */
const ANSWER_SECONDS = 4;
const MOST_ANSWERS = 30;
/** Of answers that are written by hand, in their order. */
const KEYS = '123456789abcdefghijklmnopqrstuvwxy0';

/** What is entered in the form. */
export interface RoundDraft {
  name: string;
  chosen: string[];
  own: boolean;
  ownText: string;
  ownKind: Question['kind'];
  ownAnswers: string;
  all: boolean;
  perCell: number;
  ratings: number;
  slots: number;
  repeats: number;
  practice: Practice;
  contrasts: Contrast[];
  exclusions: string;
  consent: { version: string; purpose: string; contact: string; pay: string; hours: string };
  notice: string;
}

export const emptyDraft = (name: string): RoundDraft => ({
  ...{ name, chosen: ['persons', 'gender-presentation'], own: false },
  ...{ ownText: '', ownKind: 'one', ownAnswers: '' },
  ...{ all: true, perCell: 20, ratings: 3, slots: 3, repeats: 0 },
  ...{ practice: [], contrasts: [], exclusions: '', notice: '' },
  consent: { version: '1', purpose: '', contact: '', pay: '', hours: '' },
});

/** A question that was written by hand. Its answers get keys in their order. */
function ownQuestion({ ownText, ownKind, ownAnswers }: RoundDraft): Question {
  const lines = ownAnswers.split('\n').flatMap((line) => line.trim() || []);
  return {
    id: 'own',
    text: ownText.trim(),
    kind: ownKind,
    answers: lines.map((line, place) => {
      const [text = '', ...definition] = line.split('|').map((part) => part.trim());
      return {
        ...{ id: `answer-${place + 1}`, text, key: KEYS[place] ?? '' },
        ...(definition.length > 0 ? { definition: definition.join(' | ') } : {}),
      };
    }),
  };
}

/** The codebook: what is chosen of the templates, with what their gates need, and the own question. */
export function codebookOf(draft: RoundDraft): Codebook {
  const chosen = new Set<string>();
  const choose = (id: string): void => {
    const gate = QUESTIONS.find((question) => question.id === id)?.gate;
    if (gate) choose(gate.question);
    chosen.add(id);
  };
  draft.chosen.forEach(choose);
  const questions = QUESTIONS.filter(({ id }) => chosen.has(id));
  return {
    title: draft.name.trim() || words.title,
    questions: draft.own ? [...questions, ownQuestion(draft)] : questions,
  };
}

/** Pictures that the audits have at most: what was refused or is blank is known when the round is made. */
export const mostPictures = (plans: readonly Plan[], { all, perCell }: RoundDraft): number =>
  plans.reduce(
    (sum, { cells, samples }) =>
      sum + (all ? cells : Math.ceil(cells / Math.max(1, samples)) * Math.min(perCell, samples)),
    0,
  );

/** Answers, and how long they take in seconds: all of them, and those of a rater. */
export function workOf(pictures: number, draft: RoundDraft) {
  const questions = codebookOf(draft).questions.length;
  const answers = (pictures * draft.ratings + draft.repeats * draft.slots) * questions;
  const seconds = answers * ANSWER_SECONDS;
  return { answers, seconds, secondsEach: seconds / Math.max(1, draft.slots) };
}

/** What can be compared: models, and each factor with its values. */
export function sidesOf(plans: readonly Plan[]): { id: string; name: string; values: string[] }[] {
  const models = [...new Set(plans.flatMap((plan) => plan.models.map(({ model }) => model)))];
  const factors = new Map<string, Set<string>>();
  for (const { prompts } of plans)
    for (const { factors: own = {} } of prompts)
      for (const [name, value] of Object.entries(own))
        factors.set(name, (factors.get(name) ?? new Set()).add(value));
  return [
    { id: 'model', name: words.model, values: models },
    ...[...factors].map(([name, values]) => ({ id: `factor ${name}`, name, values: [...values] })),
  ].filter(({ values }) => values.length > 1);
}

/** The id by which `sidesOf` names what a contrast compares. */
export const sideOf = ({ between }: Contrast): string =>
  'model' in between ? 'model' : `factor ${between.factor}`;

/** @param side as `sidesOf` names it */
export function betweenOf(side: string, one: string, other: string): Contrast['between'] {
  return side === 'model'
    ? { model: true, one, other }
    : { factor: side.slice('factor '.length), one, other };
}

/** Comparisons whose question and answer are in the codebook. */
export const validContrasts = (draft: RoundDraft, { questions }: Codebook): Contrast[] =>
  draft.contrasts.filter(({ question, answer }) =>
    questions.find(({ id }) => id === question)?.answers.some(({ id }) => id === answer),
  );

/** The id of the fields of a comparison. */
export const contrastId = (place: number): string => `contrast-${place}`;

/** What has to be changed before the round can be made, in the order of the form. */
export function problemsOf(draft: RoundDraft): Problem[] {
  const { problems } = words;
  const { consent, own, ratings, slots } = draft;
  const written = ownQuestion(draft);
  const codebook = codebookOf(draft);
  const found: [string, string | false][] = [
    ['questions', codebook.questions.length === 0 && problems.noQuestion],
    ['own-text', own && !written.text && problems.ownText],
    [
      'own-answers',
      own && (written.answers.length < 2 || written.answers.length > MOST_ANSWERS) && problems.ownAnswers,
    ],
    ['slots', slots < ratings && problems.fewSlots],
    ...Object.entries(consent).map(([name, text]): [string, string | false] => [
      `consent-${name}`,
      text.trim() === '' && problems.consent,
    ]),
    ...validContrasts(draft, codebook).map(({ between }, place): [string, string | false] => [
      contrastId(place),
      between.one === between.other && problems.contrast,
    ]),
  ];
  return found.flatMap(([field, text]) => (text === false ? [] : [{ field, text }]));
}

export function requestOf(draft: RoundDraft, audits: string[]): RoundRequest {
  const codebook = codebookOf(draft);
  const { name, all, perCell, ratings, slots, repeats, exclusions, notice, consent } = draft;
  return {
    ...{ name: name.trim() || codebook.title, audits, codebook },
    ...{ pictures: all ? 'all' : perCell, ratings, slots, repeats },
    practice: validPractice(draft.practice, codebook),
    contrasts: validContrasts(draft, codebook),
    consent: words.consentText(consent),
    ...(exclusions.trim() ? { exclusions: exclusions.trim() } : {}),
    ...(notice.trim() ? { notice: notice.trim() } : {}),
  };
}
