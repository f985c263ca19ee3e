import { given, some, whole } from './locale.ts';

/** Two audits side by side. */
export const words = {
  title: 'Compare audits',
  selectTwo: 'Select two audits',
  loading: 'Loading the audits …',
  inBoth: (shared: number, all: number) =>
    `${whole(shared)} of ${whole(all)} pairs of prompt and model are in both audits.`,
  differing: (n: number) => some(n, 'setting differs', 'settings differ'),
  promptsDiffering: (n: number) => some(n, 'prompt differs', 'prompts differ'),
  first: (most: number, of: number) => `Showing the first ${whole(most)} of ${whole(of)}.`,
  difference: 'Difference',
  side: (name: string, side: string) => `${given(name)} (${side})`,
  nothingDiffers: 'Both audits have the same prompts, samples, seeds, models, versions and inputs.',
  totals: 'In the pairs that both audits have',
  rows: 'Both audits',
  notIn: (side: string, name: string) => `Not in audit ${side} (${given(name)})`,
  allTiles: (n: number) => `All ${whole(n)} ›`,
  sideLabel: (side: string, label: string) => `${side}: ${label}`,

  samples: 'samples',
  seed: 'seed',
  seeds: 'seeds of prompts',
  model: 'model',
  reworded: 'reworded',
  onlyIn: (side: string) => `only in ${side}`,
  none: 'none',
  /** Of every model that both audits have. */
  input: (name: string) => `input ${name} of all models`,
  inputOf: (model: string, name: string) => `input ${name} of ${model}`,
  versionOf: (model: string) => `version of ${model}`,
  undisclosed: 'undisclosed',
  notSet: 'not set',
};
