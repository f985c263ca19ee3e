/** Messages of log lines that `infra/watch.yml` counts; test/unit/ports.test.ts holds both together. */
export const COUNTED = {
  asked: 'requested predictions',
  waiting: 'waiting for Replicate',
  repaired: 'repaired',
  received: 'stored by webhook',
  polled: 'stored by polling',
} as const;
