import type { AccessRequest, Principal, SigningKey } from '../iam/access.ts';
import type { EventBridgeS3Event } from './events.ts';
import type { BucketSettings } from './store.ts';

export type { AccessRequest, Principal };

export interface S3Options {
  /** Holds everything; made when missing. */
  dataDir: string;
  region: string;
  /** Owner of the buckets; `000000000000` unless given. */
  accountId?: string;
  buckets: readonly BucketSettings[];
  /** Undefined: there is no such access key. */
  credentials(accessKeyId: string): SigningKey | undefined;
  /** True: allowed. Asked before every operation, for each action it needs. */
  authorize(request: AccessRequest): boolean;
  /** Takes an event over durably; the client's answer waits for it. Rejecting has the event handed over again later. */
  onEvent(event: EventBridgeS3Event): Promise<void>;
  now?(): Date;
  /** Pages of these origins may read objects; none unless given. */
  corsOrigins?: readonly string[];
  /** Told about errors that are this server's own fault; standard error unless given. */
  onError?(error: unknown): void;
}
