/** List prices of us-east-1 in US dollars, as published in November 2026, without free tiers. */
export const PRICES = {
  region: 'us-east-1',
  /** S3 Standard: PUT, COPY, POST, LIST; tags are written at the price of a PUT and read at that of a GET. */
  write: 0.005 / 1_000,
  read: 0.0004 / 1_000,
  sqs: 0.4 / 1_000_000,
  invocation: 0.2 / 1_000_000,
  /** Lambda on arm64. */
  gbSecond: 0.0000133334,
  httpApi: 1 / 1_000_000,
  logGb: 0.5,
  /** S3 events that EventBridge delivers. */
  event: 1 / 1_000_000,
  /** S3 Standard, and tags of objects, for a month. */
  gbMonth: 0.023,
  tagMonth: 0.0065 / 10_000,
} as const;

/** Sent, received and deleted once; Lambda's poller waits at no charge per message. */
export const SQS_CALLS_PER_MESSAGE = 3;
