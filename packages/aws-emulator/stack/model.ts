import type { EventPattern } from '../events/pattern.ts';
import type { PolicyDocument } from '../iam/policy.ts';
import type { BucketLock } from '../s3/lock.ts';

export interface RoleModel {
  arn: string;
  policies: PolicyDocument[];
}

export interface FunctionModel {
  /** Key under `functions` in serverless.yml: api, dispatch, … */
  key: string;
  name: string;
  arn: string;
  /** `functions/api.handler` */
  handler: string;
  /** MB */
  memorySize: number;
  timeoutSeconds: number;
  environment: Record<string, string>;
  role: RoleModel;
  /** Queue that gets asynchronous events which failed for good, and in which shape: destination or dead-letter queue. */
  onFailure?: { queue: string; kind: 'destination' | 'deadLetter' };
  /** Retries of an asynchronous event after the first attempt; Lambda's default is 2. */
  asyncRetries: number;
  /** Whether Lambda drops a message after 16 passes of its chain through the function. */
  recursiveLoop: 'Allow' | 'Terminate';
}

export interface RouteModel {
  /** Upper case, or `*` */
  method: string;
  /** `/api/audits/{audit}`, or `*` for everything else */
  path: string;
  functionKey: string;
}

export interface QueueModel {
  name: string;
  arn: string;
  visibilitySeconds: number;
  delaySeconds: number;
  redrive?: { deadLetterQueue: string; maxReceiveCount: number };
}

export interface QueueSourceModel {
  functionKey: string;
  queue: string;
  batchSize: number;
  maximumConcurrency: number | undefined;
  reportBatchItemFailures: boolean;
}

export interface RuleModel {
  name: string;
  functionKey: string;
  pattern: EventPattern;
}

export interface ScheduleModel {
  name: string;
  functionKey: string;
  everySeconds: number;
  input: unknown;
}

export interface BucketModel {
  name: string;
  arn: string;
  versioning: boolean;
  eventBridge: boolean;
  objectLock?: BucketLock;
  /** Origins whose pages may read objects. */
  corsOrigins: string[];
  policies: PolicyDocument[];
}

/** What serverless.yml and its templates declare, resolved for one stage and reduced to what the emulator runs. */
export interface StackModel {
  service: string;
  stage: string;
  region: string;
  accountId: string;
  functions: FunctionModel[];
  routes: RouteModel[];
  queues: QueueModel[];
  queueSources: QueueSourceModel[];
  rules: RuleModel[];
  schedules: ScheduleModel[];
  buckets: BucketModel[];
  /** Headers that the distribution adds to every file of the site. */
  siteHeaders: Record<string, string>;
  /** The framework's stage parameters, those of the `default` stage: what a deployed stage uses. */
  defaultParameters: Record<string, unknown>;
}
