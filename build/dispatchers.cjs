/**
 * How many functions ask Replicate for predictions at once, and how many look after them, for serverless.yml. Each that asks sends ten requests at once; as long as
 * one takes less than 0.8 s with its record, a block of 25 cells, 0.3 s of reads and writes around it included, is through
 * in 2.5 s, which is 600 a minute. SQS takes no number below two.
 */
const EACH_PER_MINUTE = 600;

/** While no webhooks come, as many cells become overdue as are asked for; to store one takes longer than to ask for it. */
const POLLERS_EACH = 5;

const dispatchers = async ({ resolveVariable }) =>
  Math.max(2, Math.ceil(Number(await resolveVariable('param:createsPerMinute')) / EACH_PER_MINUTE));

module.exports = {
  dispatchers,
  pollers: async (variables) => POLLERS_EACH * (await dispatchers(variables)),
};
