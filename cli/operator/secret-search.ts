import { randomBytes } from 'node:crypto';
import { GetObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import type { S3Store } from '../../lib/aws/objects.ts';
import { listVersions, type ObjectVersion } from '../../lib/aws/versions.ts';
import { isReference } from '../../lib/contract/secret-reference.ts';
import { AUDITS_PREFIX, auditPrefix, isAuditId, openKey, SECRETS_PREFIX } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import type { SecretRecord } from '../../lib/records/secret.ts';
import {
  type Fingerprint,
  fingerprintsOf,
  REDACTED,
  type Redact,
  redactorOf,
} from '../../lib/replicate/fingerprints.ts';
import { looksSecret, shownInput } from '../../lib/replicate/secret-inputs.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Progress } from '../progress.ts';
import type { Cloud } from './cloud.ts';
import { isMissing } from './faults.ts';

/** A version of a record that holds a secret. */
export interface Holding extends ObjectVersion {
  store: S3Store;
  /** Whether no later version of the record has any content. */
  isNewest: boolean;
}

/** What of an audit holds secrets. */
export interface SearchedAudit {
  audit: string;
  /** Names of inputs whose values are secrets. */
  inputs: string[];
  /** Cells may still need the plan as it is. */
  isOpen: boolean;
  holdings: Holding[];
  /** The content of a record without secrets. */
  clean(key: string, content: string): string;
}

/** Records in which a secret can be; bindings, because a refusal may repeat one. */
const RECORD =
  /\/(audit\.json|manifest\.(json|csv)|waiting\.json|(results|blocks)\/\d{5}\.json|dispatched\/\d{5}(-\d+)?\.json)$/;
const PARALLEL_READS = 16;
/** Shorter values are removed by the name of their input alone: as texts they may be words. */
const MIN_TEXT = 8;

/** Deeper records are searched as texts. */
const MAX_DEPTH = 300;

const salt = () => randomBytes(16).toString('hex');

/**
 * Searches the records of audits in both buckets, old versions too, for inputs whose names or schemas mark them as
 * secret, for their values in every other text, for the values of stored secrets, and for given ones. Changes nothing.
 * @param audits undefined: all
 * @returns those that hold any, one after the other
 * @throws {CommandError} for a given value that is too short
 */
export async function* searchAudits(
  { images, backup }: Pick<Cloud, 'images' | 'backup'>,
  { audits, given }: { audits: readonly string[] | undefined; given: readonly string[] },
  progress: Progress,
): AsyncGenerator<SearchedAudit> {
  if (given.some((value) => value.length < MIN_TEXT))
    throw new CommandError(
      EXIT.usage,
      `A value to search for has fewer than ${MIN_TEXT} characters and would be found in ordinary words. Nothing was changed.`,
    );
  const unknown = audits?.find((audit) => !isAuditId(audit));
  if (unknown !== undefined)
    throw new CommandError(EXIT.usage, `"${unknown}" is not the id of an audit. Nothing was changed.`);
  const known = [
    ...(await storedFingerprints(images)),
    ...given.flatMap((value) => fingerprintsOf(value, salt)),
  ];
  const row = progress.row('searched', 0);
  let searched = 0;
  const onRead = () => row.update(++searched);
  for (const audit of audits ?? (await auditsIn(images, backup))) {
    const found = await searchAudit([images, backup], audit, known, onRead);
    if (found.holdings.length > 0) yield found;
  }
}

async function searchAudit(
  stores: readonly S3Store[],
  audit: string,
  known: readonly Fingerprint[],
  onRead: () => void,
): Promise<SearchedAudit> {
  const versions: Holding[] = [];
  for (const store of stores) {
    const keys = new Set<string>();
    for await (const version of listVersions(store, auditPrefix(audit))) {
      const { key, isMarker } = version;
      if (isMarker || !RECORD.test(key)) continue;
      versions.push({ ...version, store, isNewest: !keys.has(key) });
      keys.add(key);
    }
  }
  const plans: Plan[] = [];
  for (const version of versions.filter(({ key }) => key.endsWith('/audit.json'))) {
    const plan = parsed(await readVersion(version)) as Plan | undefined;
    if (plan) plans.push(plan);
  }
  const secrets = plans.map(secretsIn);
  const marked = [...new Set(secrets.flatMap(({ marked }) => marked))];
  const texts = new Set(secrets.flatMap(({ texts }) => texts));
  const redact = redactorOf([...known, ...[...texts].flatMap((text) => fingerprintsOf(text, salt))]);
  const clean = (key: string, content: string) =>
    key.endsWith('.csv')
      ? redact(content)
      : key.endsWith('/manifest.json')
        ? cleanLines(content, marked, redact)
        : cleanJson(content, marked, redact);
  const limit = pLimit(PARALLEL_READS);
  const holds = await Promise.all(
    versions.map((version) =>
      limit(async () => {
        const content = await readVersion(version);
        onRead();
        return content !== undefined && clean(version.key, content) !== content;
      }),
    ),
  );
  return {
    audit,
    inputs: [...new Set(secrets.flatMap(({ inputs }) => inputs))],
    isOpen: await stores[0]!.exists(openKey(audit)),
    holdings: versions.filter((_, i) => holds[i]),
    clean,
  };
}

/** Inputs of a plan whose values are secrets: their names, and their texts. */
function secretsIn({ input = {}, models = [] }: Partial<Plan>) {
  const marked = models.flatMap((model) => model.secrets ?? []);
  const found = [input, ...models.map((model) => model.input)]
    .flatMap((one) => Object.entries(one ?? {}))
    .filter(([name, value]) => (marked.includes(name) || looksSecret(name)) && isValue(value));
  const texts = found.flatMap(([, value]) => textsIn(value)).filter((text) => text.length >= MIN_TEXT);
  return { marked, inputs: found.map(([name]) => name), texts };
}

const isValue = (value: unknown) => value !== null && value !== REDACTED && !isReference(value);

function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) return [];
  return Object.values(value).flatMap((member) => textsIn(member, depth + 1));
}

const isDeeper = (value: unknown, most: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (most === 0 || Object.values(value).some((member) => isDeeper(member, most - 1)));

/** A JSON record without secrets; as it was, to the byte, if it has none. */
function cleanJson(content: string, marked: readonly string[], redact: Redact): string {
  const value = parsed(content);
  if (value === undefined || isDeeper(value, MAX_DEPTH)) return redact(content);
  const before = JSON.stringify(value);
  const after = JSON.stringify(redact(withoutNamed(value, marked)));
  return after === before ? content : after;
}

const HEAD_END = ',"cells":[';

/** A manifest has a line for its audit, and one for each cell: what reads it relies on that. */
function cleanLines(content: string, marked: readonly string[], redact: Redact): string {
  const [head = '', ...lines] = content.split('\n');
  if (!head.endsWith(HEAD_END)) return cleanJson(content, marked, redact);
  const cleanHead = cleanJson(`${head.slice(0, -HEAD_END.length)}}`, marked, redact).slice(0, -1) + HEAD_END;
  const cleanCell = (line: string) => {
    const [, json, comma] = /^(\{.*\})(,?)$/.exec(line) ?? [];
    return json === undefined ? line : cleanJson(json, marked, redact) + comma;
  };
  return [cleanHead, ...lines.map(cleanCell)].join('\n');
}

/** A record whose inputs, wherever they are in it, have no values of secret inputs. */
function withoutNamed(value: unknown, marked: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((member) => withoutNamed(member, marked));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      name === 'input' && typeof member === 'object' && member !== null && !Array.isArray(member)
        ? [name, shownInput(marked, member as Record<string, unknown>)]
        : [name, withoutNamed(member, marked)],
    ),
  );
}

function parsed(content: string | undefined): unknown {
  try {
    return content === undefined ? undefined : JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** The content of a version; undefined if it is gone by now. */
export async function readVersion({ store, key, versionId }: Holding): Promise<string | undefined> {
  try {
    const { Body } = await store.client.send(
      new GetObjectCommand({ Bucket: store.bucket, Key: key, VersionId: versionId }),
    );
    return await Body?.transformToString();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** By these the values of stored secrets are found that were sent as plain inputs before. */
async function storedFingerprints(images: S3Store): Promise<Fingerprint[]> {
  const found: Fingerprint[] = [];
  for await (const { key } of images.list(SECRETS_PREFIX)) {
    const record = (await images.readJson<SecretRecord>(key))?.value;
    found.push(...(record?.values ?? []).flatMap(({ fingerprints }) => fingerprints));
  }
  return found;
}

/** Audits with any version of any record in a bucket, also those that were deleted. */
async function auditsIn(...stores: S3Store[]): Promise<string[]> {
  const audits = new Set<string>();
  for (const { client, bucket } of stores) {
    let marker: string | undefined;
    do {
      const page = await client.send(
        new ListObjectVersionsCommand({
          ...{ Bucket: bucket, Prefix: AUDITS_PREFIX, Delimiter: '/' },
          ...(marker === undefined ? {} : { KeyMarker: marker }),
        }),
      );
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
        const audit = Prefix.slice(AUDITS_PREFIX.length, -1);
        if (isAuditId(audit)) audits.add(audit);
      }
      marker = page.IsTruncated ? page.NextKeyMarker : undefined;
    } while (marker !== undefined);
  }
  return [...audits].sort();
}
