import type { ContrastFinding, Share } from '../../../lib/findings/findings.ts';
import { percent, pictures, points, shown } from '../../../lib/findings/words.ts';
import { some, whole } from './locale.ts';

/** Findings of a closed round. What they say of shares and contrasts is said by `lib/findings/words.ts`. */
export const words = {
  title: 'Findings',
  show: 'Show the findings',
  loading: (read: number, of: number) => `Reading predictions: ${whole(read)} of ${whole(of)} …`,
  reading: 'Reading the labels …',
  notYet: 'The labels are put together: this takes a minute after the round was closed …',
  perceived:
    'What is said is what raters perceived in pictures, not what anybody is. “Certain” means that the interval of a difference leaves out zero.',
  primary: 'Primary comparisons',
  noPrimary: 'No comparison was named before the first label: all of them are exploratory.',
  shares: 'How often raters gave an answer',
  answer: 'Answer',
  key: 'A dot is the share of the majority, the line its 95 % interval. The pale line says where it could be if all that is unclear or missing were known. A tick is the reference of the design.',
  allModels: 'All models together',
  allPrompts: 'All prompts',
  table: (model: string) => `Table: ${model}`,
  saveSvg: 'Save as SVG',
  saveSvgOf: (model: string) => `Save as SVG: ${model}`,
  columns: ['', 'Share', '95 % interval', 'If all were known', 'Pictures', 'Unanimous to any'],
  noAnswer: 'no answer',
  agreement: 'How far raters agree',
  agreementColumns: [
    'Question',
    'Krippendorff’s α',
    'Equal pairs of ratings',
    'Pictures',
    'Cannot tell',
    'Skipped',
  ],
  undefinedAlpha: (pictures: number) =>
    pictures === 0 ? 'undefined: no picture has two ratings' : 'undefined: all answers are equal',
  alphaHint: 'Where nearly all answers are equal, α is low although raters agree. No share depends on it.',
  outcomes: 'What became of what was requested',
  outcomeColumns: ['Model', 'Predictions', 'Refused', 'Failed', 'Shown', 'Blank', 'Filtered', 'Unusable'],
  exploratory: 'Exploratory comparisons',
  counted: (count: number, certain: number) =>
    `${some(count, 'comparison was', 'comparisons were')} looked at that nobody named before. ${certain === 0 ? 'None' : whole(certain)} of them ${certain === 1 ? 'is' : 'are'} certain at the level that their number leaves. They are hints for another round, not results.`,
  save: 'Save the report',
  saving: 'Writing the report …',
  noScript: 'The script that calculates the numbers again could not be loaded. Try again.',
  picturesOf: (what: string) => `Pictures behind the share of “${what}”`,
  filter: 'Show',
  all: 'all pictures',
  cannotTell: 'Cannot tell',
  skipped: 'Skipped',
  disagreement: 'Pictures on which raters disagree come first.',
  votes: (text: string, n: number) => `${text}: ${whole(n)}`,
  unrated: 'not rated',
  hidden: 'Hidden: a rater reported it.',
  openPicture: (n: number) => `Picture ${whole(n)}: open it in the audit`,
  none: 'No picture has this answer.',
  close: 'Close',
  tooFew: 'too few pictures',
};

const range = (from: number | undefined, to: number | undefined) =>
  from === undefined || to === undefined ? '' : `${percent(from)} to ${percent(to)} %`;

/** What a plot says of a share: name, share, interval, and what is behind them. */
export function shareCells({
  group,
  share,
  low,
  high,
  outerLow,
  outerHigh,
  n,
  unanimous,
  any,
  tooFew,
}: Share): [name: string, share: string, interval: string, bounds: string, pictures: string, raters: string] {
  const name =
    group.kind === 'pair'
      ? shown(group.prompt)
      : group.kind === 'model'
        ? words.allPrompts
        : `${shown(group.factor)}: ${shown(group.value)}`;
  return [
    name,
    share === undefined ? words.noAnswer : `${percent(share)} %`,
    range(low, high),
    range(outerLow, outerHigh),
    `${pictures(n)}${tooFew ? `, ${words.tooFew}` : ''}`,
    range(unanimous, any),
  ];
}

/** `+12 (+3 to +20)` */
export const contrastNumbers = ({ difference, low, high }: ContrastFinding): string =>
  difference === undefined ? words.noAnswer : `${points(difference)} (${points(low!)} to ${points(high!)})`;
