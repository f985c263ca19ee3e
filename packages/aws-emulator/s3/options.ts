import type { Disk } from '../disk.ts';
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
  /** True: allowed. Called before every operation, for each action that it needs. */
  authorize(request: AccessRequest): boolean;
  /** Accepts an event durably; the client's answer waits for it. After a rejection it is called again later. */
  onEvent(event: EventBridgeS3Event): Promise<void>;
  now?(): Date;
  /** Pages of these origins may read objects; none unless given. */
  corsOrigins?: readonly string[];
  /** Says what a person should know; the console unless given. */
  warn?(message: string): void;
  /** Tells errors of a full disk; one that watches `dataDir` unless given. */
  disk?: Disk;
  /** Called with errors that are bugs of this server; standard error unless given. */
  onError?(error: unknown): void;
}
