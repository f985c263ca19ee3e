import type { Difference } from '../../../lib/findings/difference.ts';
import type { AuditStatus } from '../api/types.ts';
import { dollars, given, halves, some, time, whole } from './locale.ts';

/** One audit: its status, its grid, its walls and its images in large. */
export const words = {
  notThere: 'This audit does not exist. It may have been deleted, or the link may be incomplete.',
  noName: 'This link does not name an audit. Choose one from the list.',
  loading: 'Loading the audit …',
};

/** A duration as accurately as it is known, such as `about 4 minutes`. */
export function roughly(seconds: number): string {
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.round(seconds / 60);
  if (minutes < 2) return 'about a minute';
  if (minutes < 90) return `about ${minutes} minutes`;
  return `about ${halves(Math.round(minutes / 30) / 2)} hours`;
}

const DONE = 'done';

/** Words after `24 of 36`. As in the list, an audit is finished once its manifest is written. */
function stateInWords({ state, manifest }: Pick<AuditStatus, 'state' | 'manifest'>): string {
  const done = manifest ? 'finished' : DONE;
  if (state === 'canceling') return `${done} · canceling`;
  return state === 'canceled' ? `${done} · canceled` : done;
}

const WAITING: Record<string, string> = {
  'rate limit': 'Replicate’s rate limit is reached. The audit resumes automatically.',
  credit:
    'The Replicate account has no credit left. The audit resumes automatically after an operator adds credit.',
  token:
    'Replicate rejects the pipeline’s token. The audit resumes automatically after an operator renews it.',
  secret:
    'A secret that a model needs is not stored. The audit resumes automatically after an operator stores it.',
};

/** The status of an audit, and what can be done with it as a whole. */
export const statusWords = {
  importedBy: (name: string) => `imported by ${name}`,
  /** @param seeds which prompts share their seeds; undefined if there is one prompt */
  about: (createdBy: string, seed: number | undefined, seeds: string | undefined, retention: string) =>
    ` · ${given(createdBy)}${seed === undefined ? '' : ` · seed ${seed}`}${seeds === undefined ? '' : `, seeds ${seeds}`} · retention: ${retention}`,
  progress: 'Predictions done',
  of: (finished: number, predictions: number) => `${whole(finished)} of ${whole(predictions)}`,
  done: DONE,
  state: stateInWords,
  inProgress: (n: number) => `${whole(n)} in progress`,
  left: (seconds: number) => `${roughly(seconds)} left`,
  manifestFollows: 'the manifest follows in some seconds',
  canceled: (n: number) => `${whole(n)} canceled`,
  cost: (spent: number, reserved: number) =>
    `cost: ${dollars(spent)}${reserved > 0 ? `, and up to ${dollars(reserved)} more is reserved` : ''}`,
  waits: (why: string, until: string) =>
    `${WAITING[why] ?? `The audit is waiting: ${why}.`} Next attempt at ${time(until)}. No results are lost.`,
  detail: (why: string, words: string) => (why === 'secret' ? words : `Replicate says: ${words}`),
  cancel: 'Cancel',
  rate: 'Rating rounds',
  manifest: (format: string) => `Manifest ${format.toUpperCase()}`,
  manifestIs: {
    json: 'The list of all predictions, for programs',
    csv: 'The list of all predictions, as a table',
  },
  whenManifest:
    'Available a few minutes after the last prediction has finished and its images are backed up.',
  downloadAll: 'Download all',
  downloadNotLoaded: 'The script that makes the file could not be loaded. Reload the page.',
  downloading: (done: number, of: number) => `Downloading ${whole(done)} of ${whole(of)}`,
  cancelTitle: 'Cancel this audit?',
  cancelAction: 'Cancel audit',
  cancelMeans: 'Pending predictions are skipped and running ones are canceled. Stored images are kept.',
};

/** Which prompts have the same seeds. */
export const seedWords = {
  shared: 'shared by all prompts',
  across: (factors: string[]) => `shared across ${factors.join(' and ')}`,
  own: 'different for each prompt',
};

/** What rows, columns and cells are. */
export const gridWords = {
  dimension: { prompt: 'prompt', model: 'model', sample: 'sample' },
  sample: (value: string) => `sample ${value}`,
  /** Where a prompt does not go to a model. */
  notAsked: 'not asked',
  /** Where a prompt of an import has fewer pictures than others. */
  noPicture: 'no picture',
  /** The value of prompts that do not have a factor. */
  without: (factor: string) => `(no ${factor})`,
  by: (rows: string, columns: string) => `${rows} by ${columns}`,
  corner: (rows: string, columns: string) => `${rows} ╲ ${columns}`,
  cell: (row: string, column: string) => `${row}, ${column}`,
  previousSample: 'Previous sample',
  nextSample: 'Next sample',
  position: (at: number, of: number) => `${whole(at)} of ${whole(of)}`,
  showAll: (tiles: number) => `Show all ${whole(tiles)} as a wall.`,
  all: (tiles: number) => `All ${whole(tiles)} ›`,
};

export const toolbarWords = {
  label: 'View of the grid',
  rows: 'Rows',
  columns: 'Columns',
  swap: 'Swap rows and columns',
  inCell: 'In a cell',
  allSamples: 'all samples',
  oneByOne: 'one sample at a time',
  size: 'Size',
  sizes: { s: 'small', m: 'medium', l: 'large' },
  all: 'all',
  /** `model (1 of 2)`: the grid shows one value, and there are others. */
  oneOf: (name: string, at: number, of: number) => `${name} (${whole(at)} of ${whole(of)})`,
  previous: (name: string) => `Previous ${name}`,
  next: (name: string) => `Next ${name}`,
  pinned: (name: string, value: string) => `${given(name)} ${given(value)}`,
};

export const wallWords = {
  label: 'Wall',
  back: '← Grid',
  previousCell: 'Previous cell',
  nextCell: 'Next cell',
  choose: 'Select for comparison',
  howToChoose: 'Select two images. Select one again to leave it out.',
  arrowKeys: (n: number) => `${some(n, 'tile', 'tiles')}; arrow keys move between them`,
};

export const largeWords = {
  download: 'Download',
  /** Before the command that saves quarantined bytes. */
  saveEvidence:
    'Its bytes are kept as evidence. No page and no address opens them, because they may harm the program that does. An operator can save them:',
  evidenceCommand: (audit: string, n: number, index: number) =>
    `npx weaudit evidence ${audit} ${n}${index === 0 ? '' : ` --index ${index}`} --stage <stage>`,
  check: 'Is it unchanged?',
  checking: 'Checking …',
  needsHttps:
    'Browsers calculate a SHA-256 only on pages that are opened by https, or on this machine by localhost.',
  unchanged: (imported: boolean) =>
    `Yes: the bytes that this browser shows have the SHA-256 that was recorded when the picture was ${imported ? 'imported' : "stored, straight from the model's answer"}.`,
  altered:
    'No: the bytes that this browser shows are not the ones that were recorded. Do not use this picture, and tell an operator.',
  select: 'Select for comparison',
  selected: 'Selected for comparison',
  others: 'Same prompt and seed, other models',
  contrasts: 'Same model and seed, other prompts',
};

export const pairWords = {
  label: 'Compare two images',
  swap: 'Swap sides',
  same: 'Both images were requested with the same settings.',
  differences: 'Differences',
};

export const trayWords = {
  label: 'Selected for comparison',
  compare: 'Compare',
  oneMore: 'Select one more image to compare.',
  clear: 'Clear',
};

export const tableWords = {
  title: 'Refusals and other outcomes',
  groupBy: 'Group by',
  reference: 'Reference',
  pooled:
    'A row counts prompts together that have the same seeds. Their pictures may resemble each other, and intervals may then be wider than shown.',
  caption:
    'The mark is the share that was counted, between 0 and 100 %. The band is its 95 % Wilson interval: the true share is probably within it. If two bands overlap, the difference may be chance.',
  loaded: (loaded: number, of: number) => `${whole(loaded)} of ${whole(of)} predictions have been loaded.`,
  refused: 'Refused, of those answered',
  outcomes: 'Outcomes',
  first: (most: number, of: number) =>
    `Showing the first ${whole(most)} of ${whole(of)}. The manifest contains all of them.`,
  noneYet: 'none yet',
};

const refusing = (names: string[]) =>
  `${names.map(given).join(' and ')} ${names.length === 1 ? 'refuses' : 'refuse'}`;

/** Which models refuse more: several if their shares are equal. @param pairs of models that were looked at */
export const verdictWords = {
  none: 'Nothing was refused.',
  equal: ({ low, high }: Difference) =>
    `No difference in refusals was found. With few samples there may be one: its 95 % interval is ${inPoints(low)} to ${inPoints(high)} points of 100.`,
  certain: (most: string[], least: string, difference: Difference, pairs: number) =>
    `${refusing(most)} more than ${given(least)}, and that is certain: ${points(difference)}${ofPairs(pairs)}.`,
  uncertain: (most: string[], least: string, difference: Difference, pairs: number) =>
    `Whether ${refusing(most)} more than ${given(least)} is not certain: ${points(difference)}${ofPairs(pairs)}. The difference may be chance. More samples make the interval narrower.`,
};

const inPoints = (share: number) => whole(Math.round(share * 100)).replace('-', '−');
const points = ({ difference, low, high }: Difference) =>
  `the difference is ${inPoints(difference)} points of 100, with ${inPoints(low)} to ${inPoints(high)} as its 95 % interval`;
const ofPairs = (pairs: number) =>
  pairs > 1 ? `, widened because they are the two furthest apart of ${whole(pairs)} pairs` : '';

export const helpWords = {
  label: 'Keyboard and help',
  keyboard: 'Keyboard',
  keys: [
    ['Arrows', 'move between cells or tiles; in the large view, to the previous or next sample'],
    ['Home, End', 'go to the first or last cell of a row; with Ctrl, of the grid'],
    ['Enter', 'go into a cell; on a tile, show it large'],
    ['W', 'show all samples of the cell as a wall'],
    ['M', 'select the image for comparison'],
    ['C', 'compare the two selected images'],
    ['+ − 0', 'zoom in, zoom out, fit; in the comparison, arrows move the images'],
    ['Esc', 'go back one step'],
    ['?', 'show this help'],
  ],
  shares: 'Shares',
  aboutShares:
    '“Refused” is the share of refusals among predictions that succeeded or were refused. “Failed” is the share of failures among all finished predictions. The range in brackets is the 95 % Wilson interval: the true share is probably within it.',
  aboutImages:
    'The line below a cell says how many images are shown, and what became of the others. Images that show nothing are counted by their reason. “Filtered”: the model’s filter dropped it. If the filter dropped all images of a prediction, that prediction is also “refused”: refusals count predictions, the others count images. “Blank”: the model returned one even area, which several models do instead of refusing. “Unusable”: not an image that opens, or purged. “Lost”: it could not be stored.',
  files: 'Files',
  aboutFiles:
    'The manifest lists all predictions: as CSV for a spreadsheet, as JSON for programs. It has no images. “Download all” saves the images and the manifest as one file.',
  aboutAddress: 'The address contains your view. Send it to a colleague, who then sees the same.',
};
