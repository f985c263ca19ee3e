import { some, whole } from './locale.ts';

/** The rating page: what raters read. Nothing here says what a picture was made with. */
export const words = {
  title: 'Rate pictures',
  documentTitle: 'Rate pictures · WeAudit',
  loading: 'Loading …',
  noLink: 'This address is not complete. Open the link that was sent to you.',
  noStorage:
    'This browser does not let the page keep your answers. Allow storage for this site, or open the link in another browser.',
  noAnswer: 'The server did not answer.',
  offline: 'You are offline.',
  unexpected: (status: number) =>
    `The server gave an unexpected answer (status ${status}). If it persists, tell the person who sent you the link.`,
  tryAgain: 'Try again',

  before: 'Before you begin',
  agree: 'I have read this and agree',
  disagree: 'If you do not agree, close this page. Nothing has been stored.',

  look: 'Before you look',
  disturbing:
    'The pictures are AI-generated. Some may be demeaning, violent or sexual. They show how models behave, not real people.',
  rights: [
    'The first picture is blurred until you show it. You can blur pictures again at any time.',
    'You can skip any picture without a reason.',
    'Report a picture that nobody should have to see: it is hidden for everyone.',
    'Take a break whenever you like. Your answers are kept, and the same link continues where you were.',
  ],
  go: 'Continue',

  practiceTitle: (at: number, of: number) => `Practice ${whole(at)} of ${whole(of)}`,
  practiceHint: 'These answers are not kept. They show how the questions are meant.',
  skipPractice: 'Skip the practice',
  expected: 'Expected',
  yours: 'Yours',
  asExpected: 'Your answers are as expected.',
  differs: 'Your answers differ from those expected.',
  notAnswered: 'not answered',
  notApplicable: 'not asked',
  next: 'Next',
  startRating: 'Start rating',

  position: (at: number, of: number) => `${whole(at)} of ${whole(of)}`,
  picture: (at: number) => `Picture ${whole(at)}`,
  loadingPicture: 'Loading the picture …',
  notLoaded: 'The picture could not be loaded.',
  show: 'Show pictures',
  blur: 'Blur pictures',
  cannotTell: 'Cannot tell',
  done: 'Done',
  chooseAny: 'Choose all that apply.',
  scaleEnds: 'The answers are in order.',
  undo: 'Undo',
  skip: 'Skip',
  report: 'Report',
  pause: 'Pause',
  escape: 'Esc',

  reportTitle: 'Report this picture?',
  reportMeans: 'It is hidden at once, for you and for all other raters. You need not say why.',
  reportAction: 'Hide it for everyone',
  keep: 'Cancel',

  pausedTitle: 'Paused',
  paused: (at: number, of: number) =>
    `You are at picture ${whole(at)} of ${whole(of)}. You can close this page: the same link continues here.`,
  resume: 'Continue rating',

  waiting: (n: number, why: string) =>
    `${why} ${some(n, 'answer waits', 'answers wait')} in this browser and ${n === 1 ? 'is' : 'are'} sent when the connection is back. You can continue.`,
  listWaits: (why: string) => `${why} The page retries automatically.`,

  thanks: 'Thank you',
  finished: 'You have answered everything in your list.',
  allSent: 'All answers are stored. You can close this page.',
  notSent: (n: number) =>
    `${some(n, 'answer is', 'answers are')} not sent yet. Keep this page open until it says that all are stored.`,
  closedTitle: 'The round is closed',
  closed: 'It takes no more answers. Thank you for your work.',
  refusedTitle: 'This link takes no answers',
  lost: (n: number) =>
    `${some(n, 'answer', 'answers')} could not be sent and will not be counted. Tell the person who sent you the link.`,
};
