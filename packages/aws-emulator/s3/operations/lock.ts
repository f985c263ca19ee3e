import { bucketArn, demand, may, objectArn } from '../access.ts';
import { type Answer, versionHeader, xmlAnswer } from '../answer.ts';
import { checksumClaim, readText } from '../body.ts';
import { invalidArgument, malformedXml, noSuchKey, S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import {
  type BucketLock,
  bucketRetention,
  checkRetention,
  defaultLock,
  type Lock,
  missingConfiguration,
  modeNamed,
  retainUntil,
} from '../lock.ts';
import { readable } from '../readable.ts';
import type { BucketSettings, ObjectVersion } from '../store.ts';
import { checkVersionId, existingBucket, type Target } from '../target.ts';
import { type Elements, nodeOf, parse, textOf } from '../xml.ts';

const MODE = 'x-amz-object-lock-mode';
const UNTIL = 'x-amz-object-lock-retain-until-date';
const HOLD = 'x-amz-object-lock-legal-hold';
const CONFIGURATION: Elements = {
  ObjectLockEnabled: true,
  Rule: { DefaultRetention: { Mode: true, Days: true, Years: true } },
};
const ISO = (ms: number) => new Date(ms).toISOString();

/** Whether the caller asks to pass over a governance retention. Throws AccessDenied where it may not. */
export function bypasses(exchange: Exchange, arn: string): boolean {
  const header = exchange.request.header('x-amz-bypass-governance-retention');
  if (header?.toLowerCase() !== 'true') return false;
  demand(exchange, 's3:BypassGovernanceRetention', arn);
  return true;
}

/**
 * The lock of an object that is written: what the request says, else what the bucket says.
 * @throws S3Error where the request's words make no lock, the bucket has none, or the caller may not set one
 */
export function newLock(exchange: Exchange, { bucket, arn }: Target): Lock {
  const { request, store } = exchange;
  const now = store.now().getTime();
  const configured = existingBucket(store, bucket).objectLock;
  const [mode, until, hold] = [MODE, UNTIL, HOLD].map((name) => request.header(name));
  if (mode === undefined && until === undefined && hold === undefined) return defaultLock(configured, now);
  if (configured === undefined) throw missingConfiguration();
  let lock: Lock;
  if (mode === undefined && until === undefined) {
    lock = defaultLock(configured, now);
  } else {
    if (mode === undefined || until === undefined) {
      throw invalidArgument(
        `${UNTIL} and ${MODE} must both be supplied`,
        mode === undefined ? MODE : UNTIL,
        '',
      );
    }
    const known = modeNamed(mode);
    if (known === undefined) throw invalidArgument('Unknown wormMode directive.', MODE, mode);
    demand(exchange, 's3:PutObjectRetention', arn);
    lock = { mode: known, until: retainUntil(until, now, UNTIL) };
  }
  if (hold === undefined) return lock;
  if (hold !== 'ON' && hold !== 'OFF')
    throw invalidArgument('Legal hold must be either of: ON, OFF', HOLD, hold);
  demand(exchange, 's3:PutObjectLegalHold', arn);
  return { ...lock, hold: hold === 'ON' };
}

/** Throws InvalidRequest for a PUT with a lock of its own whose bytes are not checked. */
export function demandChecksum({ request }: Exchange): void {
  const locks = [MODE, UNTIL, HOLD].some((name) => request.header(name) !== undefined);
  if (!locks || request.header('content-md5') !== undefined || checksumClaim(request) !== undefined) return;
  throw new S3Error(
    'InvalidRequest',
    'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
  );
}

/** The headers of an answer about the version, as far as the caller may know. */
export function lockHeaders(
  exchange: Exchange,
  { bucket, key, lock }: ObjectVersion,
): Record<string, string> {
  if (lock === undefined) return {};
  const { mode, until, hold } = lock;
  const arn = objectArn(bucket, key);
  return {
    ...(mode !== undefined &&
      may(exchange, 's3:GetObjectRetention', arn) && { [MODE]: mode, [UNTIL]: ISO(until!) }),
    ...(hold !== undefined && may(exchange, 's3:GetObjectLegalHold', arn) && { [HOLD]: hold ? 'ON' : 'OFF' }),
  };
}

export async function getLockConfiguration(exchange: Exchange, bucket: BucketSettings): Promise<Answer> {
  demand(exchange, 's3:GetBucketObjectLockConfiguration', bucketArn(bucket.name));
  if (bucket.objectLock === undefined) {
    throw new S3Error(
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
      { BucketName: bucket.name },
    );
  }
  const { mode, days, years } = bucket.objectLock.retention ?? {};
  return xmlAnswer('ObjectLockConfiguration', {
    ObjectLockEnabled: 'Enabled',
    ...(mode !== undefined && { Rule: { DefaultRetention: { Mode: mode, Days: days, Years: years } } }),
  });
}

export async function putLockConfiguration(exchange: Exchange, bucket: BucketSettings): Promise<Answer> {
  const { request, identity, store } = exchange;
  demand(exchange, 's3:PutBucketObjectLockConfiguration', bucketArn(bucket.name));
  const root = parse(await readText(request, identity.payload), 'ObjectLockConfiguration', CONFIGURATION);
  if (textOf(root, 'ObjectLockEnabled') !== 'Enabled') throw malformedXml();
  const rule = nodeOf(root, 'Rule');
  const retention = rule && nodeOf(rule, 'DefaultRetention');
  if (rule !== undefined && retention === undefined) throw malformedXml();
  if (!bucket.versioning) {
    throw new S3Error(
      'InvalidBucketState',
      "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
    );
  }
  const objectLock: BucketLock = retention
    ? {
        retention: bucketRetention(
          textOf(retention, 'Mode'),
          textOf(retention, 'Days'),
          textOf(retention, 'Years'),
        ),
      }
    : {};
  store.changeBucket(bucket.name, { objectLock });
  return { status: 200, headers: {} };
}

/** The version that a request about its lock names. Throws InvalidRequest where the bucket has no locks. */
function lockable(
  exchange: Exchange,
  { bucket, key }: Target,
  action: 'GetObjectRetention' | 'PutObjectRetention' | 'GetObjectLegalHold' | 'PutObjectLegalHold',
): ObjectVersion {
  const versionId = checkVersionId(exchange.request.query.get('versionId'));
  const version = readable(exchange, { bucket, key, versionId }, action);
  if (existingBucket(exchange.store, bucket).objectLock === undefined) throw missingConfiguration();
  return version;
}

const noLock = () =>
  new S3Error(
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
  );

export async function getObjectRetention(exchange: Exchange, target: Target): Promise<Answer> {
  const { mode, until } = lockable(exchange, target, 'GetObjectRetention').lock ?? {};
  if (mode === undefined) throw noLock();
  return xmlAnswer('Retention', { Mode: mode, RetainUntilDate: ISO(until!) });
}

export async function putObjectRetention(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity, store } = exchange;
  const text = await readText(request, identity.payload);
  const { seq } = lockable(exchange, target, 'PutObjectRetention');
  const root = parse(text, 'Retention', { Mode: true, RetainUntilDate: true });
  const [modeText, untilText] = [textOf(root, 'Mode'), textOf(root, 'RetainUntilDate')];
  const now = store.now().getTime();
  let next: Lock = {};
  // Empty: the retention is to be taken away.
  if (modeText !== undefined || untilText !== undefined) {
    const mode = modeNamed(modeText);
    if (mode === undefined || untilText === undefined) throw malformedXml();
    next = { mode, until: retainUntil(untilText, now, 'RetainUntilDate') };
  }
  const bypass = bypasses(exchange, target.arn);
  const version = store.setLock(seq, (current) => {
    checkRetention(current, next, now, bypass);
    return { ...(current?.hold !== undefined && { hold: current.hold }), ...next };
  });
  if (version === undefined) throw noSuchKey(target.key);
  return { status: 200, headers: versionHeader(store, version) };
}

export async function getObjectLegalHold(exchange: Exchange, target: Target): Promise<Answer> {
  const { hold } = lockable(exchange, target, 'GetObjectLegalHold').lock ?? {};
  if (hold === undefined) throw noLock();
  return xmlAnswer('LegalHold', { Status: hold ? 'ON' : 'OFF' });
}

export async function putObjectLegalHold(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity, store } = exchange;
  const text = await readText(request, identity.payload);
  const { seq } = lockable(exchange, target, 'PutObjectLegalHold');
  const status = textOf(parse(text, 'LegalHold', { Status: true }), 'Status');
  if (status !== 'ON' && status !== 'OFF') throw malformedXml();
  const version = store.setLock(seq, (current) => ({ ...current, hold: status === 'ON' }));
  if (version === undefined) throw noSuchKey(target.key);
  return { status: 200, headers: versionHeader(store, version) };
}
