import { given, some, whole } from './locale.ts';

/** Two audits side by side. */
export const words = {
  title: 'Compare audits',
  selectTwo: 'Select two audits',
  loading: 'Loading the audits …',
  inBoth: (shared: number, all: number) =>
    `${whole(shared)} of ${whole(all)} pairs of prompt and model are in both audits.`,
  differing: (n: number) => some(n, 'setting differs', 'settings differ'),
  setting: 'Setting',
  side: (name: string, side: string) => `${given(name)} (${side})`,
  nothingDiffers: 'Both audits have the same samples, seed, models, versions and inputs.',
  rows: 'Both audits',
  notIn: (side: string, name: string) => `Not in audit ${side} (${given(name)})`,
  allTiles: (n: number) => `all ${some(n, 'tile', 'tiles')}`,
  sideLabel: (side: string, label: string) => `${side}: ${label}`,

  samples: 'samples',
  seed: 'seed',
  seeds: 'seeds of prompts',
  model: 'model',
  noModel: 'none',
  input: (name: string) => `input ${name}`,
  inputOf: (model: string, name: string) => `${model} input ${name}`,
  versionOf: (model: string) => `version of ${model}`,
  undisclosed: 'undisclosed',
  notSet: 'not set',
};
