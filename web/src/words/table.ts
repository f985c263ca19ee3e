import { given, some, whole } from './locale.ts';

/** Designs from files and pasted tables. */
export const words = {
  table: 'Table',
  open: 'Open a file…',
  openHint:
    'A table (CSV, TSV), a list (TXT) or JSON. You can also drop it on this form, or paste a table from Excel. Pictures that you have are imported in a terminal: npx weaudit import --help',
  pasted: 'the pasted table',
  reading: 'Reading …',
  notLoaded:
    'The part of the page that reads files could not be loaded. Reload the page, then open the file again.',
  tooLarge: (file: string, megabytes: number) =>
    `${given(file)} has more than ${whole(megabytes)} MB. Split it into several files.`,
  wrong: (file: string, issues: string) => `${given(file)}: ${issues}.`,
  wrongTemplate: (file: string, what: string) => `${given(file)}: the ${what}`,
  bothWays: (file: string) =>
    `${given(file)} has prompts and a template, which makes prompts, too. Remove one of them.`,
  noPrompts: (file: string) => `${given(file)} has no prompts.`,
  ownInputs: (file: string, model: string) =>
    `${given(file)} gives “${model}” inputs of its own, which this form cannot hold. Run it from the command line: npx weaudit run ${given(file)}`,
  readAs: (encoding: string, reads: string) => `Read it as ${encoding}: “${given(reads)}”`,
  from: (file: string) => `From ${given(file)}`,
  prompt: 'prompt',
  model: 'model',
  more: (n: number) => `… and ${whole(n)} more.`,
  merged: (n: number) =>
    `${some(n, 'prompt occurs', 'prompts occur')} more than once. Each is requested once.`,
  ownModels: 'Each row names its own model. Remove the column “model” to choose models here.',

  compare: 'Compare across',
  compareHint:
    'Prompts that differ only in what you choose share their seeds: their images start from the same noise, so the words make the difference. All other prompts have seeds of their own.',
  reference: 'Column with a published number',
  noReference: 'none',
  referenceHint: 'The page shows this number beside your results, and does not group by it.',

  published: 'Published designs…',
  publishedTitle: 'Start from a published design',
  publishedHint: 'Prompts and numbers of published audits, with their sources. Choose models, then start.',
  loadingPublished: 'Loading the list …',
  size: (prompts: number, samples: number) =>
    `${some(prompts, 'prompt', 'prompts')} × ${some(samples, 'sample', 'samples')}`,
  exact: 'the source’s own prompts',
  reconstructed: 'prompts as the source describes them',
  use: 'Use it',
  license: (license: string) => `License: ${license}`,
};
