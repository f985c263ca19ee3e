import { DESIGN } from '../../../lib/limits.ts';
import { dollars, given, percent, some, utcDay, whole } from './locale.ts';

const EXCERPT = 40;
const excerpt = (line: string) => given(line.length > EXCERPT ? `${line.slice(0, EXCERPT)}…` : line);

/** The form for a new audit. */
export const words = {
  title: 'New audit',
  onlyViews:
    'Your token can only view audits, so that it cannot start this one. Ask an operator for a token that can also start audits. What you fill in here is kept until you close this tab.',
  lead: 'Give image models the same prompts many times, and see every answer.',
  examples: 'Examples',
  prompts: 'Prompts',
  list: 'List',
  template: 'Template',
  withFactors: 'Template with factors',
  onePerLine: 'Prompts, one per line',
  /** Marks of a list, by their kind. */
  marks: {
    bullet: (line: string) => `Models would get the bullet, too: “${excerpt(line)}”.`,
    comment: (line: string) => `Models would get the comment as a prompt: “${excerpt(line)}”.`,
    numbers: (line: string) => `Models would get the numbers of the lines, too: “${excerpt(line)}”.`,
    quotes: (line: string) => `Models would get the quotation marks, too: ${excerpt(line)}.`,
  },
  removeMarks: {
    bullet: 'Remove bullets',
    comment: 'Remove comments',
    numbers: 'Remove numbers',
    quotes: 'Remove quotation marks',
  },
  promptsExample: 'a photo of a doctor\na photo of a nurse',
  templateExample: 'a photo of a {gender} {job}',
  templateHint: 'A word in braces is a factor. Each combination of values becomes one prompt.',
  values: (factor: string) => `${factor}, one value per line`,
  preview: (prompts: number, first: string) =>
    `${some(prompts, 'prompt', 'prompts')}, for example “${given(first)}”`,
  more: (n: number) => `… and ${whole(n)} more.`,

  models: 'Models',
  modelsHint: 'One model is enough to explore. All models get the same prompts and seeds.',
  anotherModel: 'Another model on Replicate',
  modelExample: 'owner/name, or its address',
  add: 'Add',
  noModelsLoaded: (why: string) =>
    `The list of models could not be loaded. ${why} You can also add a model by name.`,

  samplesAndRetention: 'Samples and retention',
  samples: 'Samples per prompt and model',
  samplesHint: 'Each sample of a prompt has its own seed, the same for all models.',
  retention: 'Retention',
  /** @param days unknown until the API has answered */
  retentions: (days: { short: number; standard: number } | undefined) => ({
    short: `Short${days ? `: kept for ${days.short} days` : ''}`,
    standard: `Standard${days ? `: kept for ${days.standard} days` : ''}`,
    keep: 'Keep: never deleted automatically',
  }),

  moreSettings: 'Name, seed, inputs and cost',
  name: 'Name',
  nameDefault: 'default: the template or the first prompt',
  seed: 'Seed, to repeat an audit',
  seedDefault: 'default: random',
  input: 'Inputs for every model, as JSON',
  inputExample: '{"aspect_ratio": "1:1"}',
  maxCost: 'The most that the audit may cost, in dollars',
  maxCostDefault: 'default: the price of all its predictions',

  noPublished: (status: number) =>
    `The published designs could not be loaded: the server answered ${status}. Try again.`,
  noMoneyLoaded: (why: string) => `Prices and budget could not be loaded. ${why}`,
  checking: 'Checking the models…',
  start: 'Start the audit',
};

/** How a design that is too large can be run all the same. */
export interface Several {
  command: string;
  /** What has to be saved before, and as what. */
  save?: 'list' | 'table';
}
/** Files that a reader saves for a command. */
export const SAVED = { list: 'prompts.txt', table: 'prompts.csv' };
export const STUDY = 'My study';
export const RUN = 'npx weaudit run';
const SAVE = {
  list: `save the prompts as ${SAVED.list}, one in each line, and `,
  table: `save the table as ${SAVED.table}, and `,
};
const several = ({ command, save }: Several) =>
  `or make a study of several audits: ${save ? SAVE[save] : ''}run this in a terminal: ${command}`;

/** What is wrong with a design, and what to change. */
export const problems = {
  noValue: (factor: string) => `Enter at least one value for ${factor}.`,
  twice: (value: string, factor: string) => `Remove one “${given(value)}”: ${factor} has it twice.`,
  template: (why: string) => `The ${why}`,
  noPrompt: 'Enter at least one prompt.',
  prompts: (n: number, how: Several) =>
    `An audit can have ${whole(DESIGN.prompts)} prompts; these are ${whole(n)}. Remove some, ${several(how)}`,
  noModel: 'Choose at least one model.',
  models: (n: number) =>
    `An audit can have ${whole(DESIGN.models)} models; these are ${whole(n)}. Remove some, or split the audit.`,
  /** @param places of prompts, from 1 */
  rows: (places: number[], why: string) =>
    places.length === 0
      ? why
      : `${places.length === 1 ? 'Prompt' : 'Prompts'} ${places.map(whole).join(' and ')} ${why}`,
  modelName:
    'Enter a model as owner/name, as owner/name:version with the 64 characters of the version, or as its address at replicate.com.',
  samples: `Samples must be a whole number from 1 to ${whole(DESIGN.samples)}.`,
  predictions: (n: number, how: Several) =>
    `An audit can have ${whole(DESIGN.predictions)} predictions; these are ${whole(n)}. Use fewer samples, ${several(how)}`,
  seed: `The seed must be a whole number from 0 to ${whole(DESIGN.seed)}, without commas.`,
  maxCost: `The most that the audit may cost must be dollars up to ${whole(DESIGN.maxCost)}, such as 2.50.`,
  input: 'Inputs must be a JSON object, for example {"aspect_ratio": "1:1"}.',
  noPrice: (models: string) =>
    `The price of ${models} is not known. Enter the most that the audit may cost, such as 2.50.`,
  /** @param fields that are wrong, each with its own words beside it */
  toCorrect: (fields: number) =>
    fields === 1 ? 'Correct the marked field.' : `Correct the ${whole(fields)} marked fields.`,
};

/** `39 of 100`, or `4 of 1,000` for a share below one percent. */
export const outOf = (share: number): string =>
  share >= 0.0095
    ? `${whole(share * 100)} of 100`
    : `${whole(Math.max(1, Math.round(share * 1000)))} of ${whole(1000)}`;

/** What an audit will cost and show, before it is started. */
export const estimateWords = {
  label: 'Estimate',
  predictions: (n: number) => (n === 1 ? 'prediction' : 'predictions'),
  product: (prompts: number, models: number, samples: number) =>
    `${some(prompts, 'prompt', 'prompts')} × ${some(models, 'model', 'models')} × ${some(samples, 'sample', 'samples')}`,
  productOfPairs: (pairs: number, samples: number) =>
    `${some(pairs, 'pair', 'pairs')} of prompt and model × ${some(samples, 'sample', 'samples')}`,
  time: 'Time',
  withoutDelays: (roughly: string) => `${roughly}, without delays`,
  cost: 'Cost',
  pricesOf: (day: string) => `Prices of ${day}.`,
  atMost: (most: number) => `at most ${dollars(most)}`,
  about: (about: number, most: number) => `about ${dollars(about)}, at most ${dollars(most)}`,
  free: 'free',
  priceFor: (models: string) => `Replicate’s price for ${models}`,
  plus: (known: string, unknown: string) => `${known}, plus ${unknown}`,
  left: 'Left this month',
  leftOf: (left: number, monthly: number, turnsAt: string) =>
    `${dollars(left)} of ${dollars(monthly)}, for all audits until ${utcDay(turnsAt)}.`,
  noBudget: 'This deployment has no budget: nothing limits what its audits cost.',
  doesNotFit:
    'This audit does not fit. Use fewer prompts, models or samples, or ask an operator for a larger budget.',
  certainty: 'Certainty',
  /** @param large whether only large differences are visible */
  certain: (samples: number, { halfWidth, hidden }: { halfWidth: number; hidden: number }, large: boolean) =>
    `With ${some(samples, 'sample', 'samples')} per prompt and model ${large ? 'you see only large differences: a' : 'a'} share near one half is accurate to ±${percent(halfWidth)} points, and something that never appears may still be in ${outOf(hidden)} images.`,
  interval: '95 % Wilson interval.',
};
