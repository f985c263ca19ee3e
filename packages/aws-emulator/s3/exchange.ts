import type { AccessRequest } from '../iam/access.ts';
import type { Identity } from './authenticate.ts';
import type { Occasion } from './events.ts';
import type { S3Request } from './request.ts';
import type { Store } from './store.ts';
import type { Uploads } from './uploads.ts';

/** One authenticated request with all that an operation needs to carry it out. */
export interface Exchange {
  request: S3Request;
  identity: Identity;
  store: Store;
  uploads: Uploads;
  occasion: Occasion;
  region: string;
  /** Owner of the buckets. */
  accountId: string;
  authorize(request: AccessRequest): boolean;
}
