import { given, some, whole } from './locale.ts';

/** A study: several audits under one name. */
export const words = {
  notThere: 'This study does not exist. It may have been deleted, or the link may be incomplete.',
  noName: 'This link does not name a study. Choose one from the list.',
  loading: 'Loading the study …',
  study: 'study',
  about: (createdBy: string, audits: number) => ` · ${given(createdBy)} · ${some(audits, 'audit', 'audits')}`,
  finishedAudits: (finished: number, audits: number) =>
    `${whole(finished)} of ${some(audits, 'audit', 'audits')} finished`,
  readSoFar: (read: number, audits: number) => `${whole(read)} of ${whole(audits)} audits read so far`,
  noAudits: 'No audits are in this study. Those that it had were deleted, have expired or were taken out.',
  morePrompts: (n: number) => `and ${whole(n)} more`,
  /** Prompts that other audits of the study have, too. */
  shared: (shared: number, prompts: number, audits: number) =>
    `${whole(shared)} of ${some(prompts, 'prompt', 'prompts')} ${shared === 1 ? 'is' : 'are'} also in ${audits === 1 ? 'another audit' : 'other audits'} of this study.`,
  /** @param names of audits that requested the same prompts of the same models with the same seeds */
  repeated: (names: string[]) =>
    `The same samples were requested in ${names.map(given).join(', ')}: the seeds are the same, so what both have counts twice here.`,
  notCompared: (prompts: number) =>
    `Prompts are compared across audits up to ${whole(prompts)}; this study has more.`,
  open: 'Open the pictures',
  single: 'List all audits',
  takeOut: 'Take out',
  takeOutNamed: (name: string) => `Take out: ${given(name)}`,
  delete: 'Delete study',
  deleteTitle: (name: string) => `Delete the study “${given(name)}”?`,
  deleteMeans: 'The study disappears for everyone. Its audits and their images are kept.',
  keep: 'Keep study',

  field: 'Study',
  fieldHint: 'A study shows several audits as one. A new name begins a new study.',
  placeholder: 'default: none',
  notAdded: (why: string) =>
    `The audit was started, but it is not in the study. ${why} Press the button again to add it; no second audit is started.`,
  dialog: 'Studies of this audit',
  button: 'Studies',
  isIn: 'This audit is in:',
  isInNone: 'This audit is in no study.',
  add: 'Add to study',
  close: 'Close',
};
