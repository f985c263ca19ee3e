import { MOMENTS, type Moment } from './order.ts';

/** What somebody sends who wants a cell to believe something. */
export const RUSES = [
  'a webhook was forged',
  'a webhook was sent to another cell',
  'a webhook that names no cell was sent to another one',
  'a webhook was sent to no cell',
  'a webhook came minutes after it was signed',
  'a webhook was signed with the secret that was replaced',
] as const;

/** What may go wrong beside the fates of calls. What no seed has met is a hole. */
export const HAPPENINGS = [
  'a call took more than half a second',
  'an event came late',
  'an event came twice',
  'an event was lost',
  'a message came twice',
  'a webhook was lost',
  'a webhook came late',
  'a webhook came twice',
  'a person canceled a prediction',
  'Replicate refused a request for good',
  'Replicate refused to cancel what had ended',
  'Replicate did not know a prediction any more',
  'a model used a seed of its own',
  'a model held outputs back',
  'a prediction had more outputs than are stored',
  'API Gateway refused a request',
  'API Gateway gave up waiting',
  'a request came again long after it was accepted',
  'a request came again after a quarter of an hour',
  'a request without an Idempotency-Key failed',
  'a request named a model that there is not',
  'a deletion came again',
  'an audit did not fit the budget',
  'a webhook came while secrets were replaced',
  'a request or its answer was lost on the way',
  'a request arrived when its sender had given up',
  'a request arrived twice',
  'a rater had two tabs',
  'another file was sent to the address of a picture',
  'a picture was sent twice',
  'a rater left in the middle',
  'a rater withdrew',
  'somebody looked at a deleted round for hours',
  ...RUSES,
  ...(Object.keys(MOMENTS) as Moment[]).map((when) => `an audit was ended ${when}` as const),
] as const;
export type Happening = (typeof HAPPENINGS)[number];
