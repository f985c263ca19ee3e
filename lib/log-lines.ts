/** Messages of log lines that `infra/watch.yml` counts; test/unit/ports.test.ts holds both together. */
export const COUNTED = {
  asked: 'requested predictions',
  waiting: 'waiting for Replicate',
  repaired: 'repaired',
  received: 'stored by webhook',
  polled: 'stored by polling',
  budget: 'budget of the month',
  extra: 'paid for a prediction that no cell needed',
  dearer: 'a prediction cost more than its ceiling',
  died: 'a turn died',
} as const;
