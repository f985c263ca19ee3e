import { halves } from './locale.ts';

/** The sentences that all views share. */
export const words = {
  brand: 'WeAudit',
  skip: 'Skip to content',
  pages: 'Pages',
  newAudit: 'New audit',
  audits: 'Audits',
  signOut: 'Sign out',
  offline: 'You are offline. You can still view what has loaded. Updates resume when you reconnect.',

  signIn: 'Sign in',
  tokenHint:
    'Enter the API token that an operator gave you. Only this browser tab keeps it, until you close it. A link that somebody sent you opens after you sign in.',
  tokenRejected: 'This token is unknown or has expired. Check it, or ask an operator for a new one.',
  token: 'API token',
  continue: 'Continue',

  beforeYouLook: 'Before you look',
  disturbing: 'AI-generated and possibly disturbing.',
  whyDisturbing:
    'Audits test what models may do badly, so images can be demeaning, violent or sexual. They show how models behave, not real people. You can hide them again at any time.',
  showImages: 'Show images',
  hideImages: 'Hide images',
  imagesHidden: 'Images are hidden.',

  pageNotLoaded: 'This page could not be loaded. Check the connection, then reload it.',
  tryAgain: 'Try again',
  close: 'Close',
  keepAudit: 'Keep audit',
  documentTitle: (name: string) => `${name} · WeAudit`,

  noAnswer: 'The server did not answer.',
  youAreOffline: 'You are offline.',
  busy: 'The server is busy.',
  onlyViews:
    'Your token can only view audits. Ask an operator for one that can also start, cancel and delete them.',
  unexpectedAnswer: (status: number) =>
    `The server gave an unexpected answer (status ${status}). Try again. If it persists, tell an operator.`,
  unexpectedError: (what: string) =>
    `The page has an unexpected error (${what}). Reload it. If it persists, tell an operator.`,
  retriesItself: (what: string) => `${what} The page retries automatically.`,
  retryYourself: (what: string) => `${what} Try again in a few seconds.`,
};

/** Why an image cannot be shown. */
export const imageWords = {
  gone: 'The image is no longer available. It may have been deleted.',
  notLoaded: 'The image could not be loaded. The page retries automatically.',
  offline: 'You are offline. The image loads when you reconnect.',
  refused: (status: number) =>
    `The image could not be loaded (status ${status}). Reload the page. If it persists, tell an operator.`,
  cannotDisplay: 'This browser cannot display the image. Download it to open it in another program.',
  notSaved: 'The image could not be saved. Try again.',
};

/** Tiles and the large view of an image. */
export const tileWords = {
  simulated: 'SIMULATED',
  /** Names a tile. It is made from the prompt, so that the image need not be seen. */
  label: (prompt: string, model: string, sample: number) => `${prompt}, ${model}, sample ${sample}`,
  named: (label: string, { what, word, marked }: { what: string; word: string; marked: boolean }) =>
    `${label}: ${what}${word && `, ${word}`}${marked ? ', selected for comparison' : ''}`,
  animated: 'ANIMATED',
  image: ({ simulated, animated }: { simulated: boolean; animated: boolean }) =>
    `${simulated ? 'simulated ' : ''}${animated ? 'animated ' : ''}image`,
  notLoaded: 'not loaded',
  hidden: 'hidden',
  zoom: 'Zoom',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  fit: 'Fit',
  /** How large a picture is, against one that just fits: its own pixels are another matter. */
  scale: (scale: number) => (scale === 1 ? 'fits' : `${halves(scale)} ×`),
};
