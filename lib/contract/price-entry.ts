import * as v from 'valibot';

const MOST_DOLLARS = 1_000;
/** Replicate itself ends a prediction after half an hour. */
const MOST_SECONDS = 1_800;

const dollars = v.pipe(
  v.number('must be a number of dollars, such as 0.003'),
  v.finite('must be a number of dollars, such as 0.003'),
  v.minValue(0, 'must not be negative'),
  v.maxValue(MOST_DOLLARS, `must be at most ${MOST_DOLLARS} dollars`),
);
const seconds = v.pipe(
  v.number(),
  v.integer('must be a whole number of seconds'),
  v.minValue(1, 'must be at least 1 second'),
  v.maxValue(MOST_SECONDS, `must be at most ${MOST_SECONDS} seconds: Replicate ends a prediction then`),
);

/** A price as people write it, in dollars. */
export const PriceEntry = v.union(
  [
    v.strictObject({ perImage: dollars }),
    v.strictObject({ perPrediction: dollars }),
    v.strictObject({ perSecond: dollars, seconds }),
    v.strictObject({ free: v.literal(true) }),
  ],
  'must be {"perImage": dollars}, {"perPrediction": dollars}, {"perSecond": dollars, "seconds": most that it may run} or {"free": true}',
);
export type PriceEntry = v.InferOutput<typeof PriceEntry>;
