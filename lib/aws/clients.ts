import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

/**
 * Milliseconds after which a call that makes no progress ends. By itself the SDK waits for as long as the other side keeps
 * the connection, and `requestTimeout` only warns. A client tries three times. The second is more than the slowest
 * output may stay silent (`lib/images/fetch-output.ts`), whose bytes go straight into S3.
 */
export const TIME_LIMITS = { requestHandler: { connectionTimeout: 3_000, socketTimeout: 9_000 } };

/** A client of S3 with time limits. */
export const s3Client = (config: S3ClientConfig = {}): S3Client =>
  new S3Client({ ...TIME_LIMITS, ...config });
