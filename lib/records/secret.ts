import type { ObjectStore } from '../ports.ts';
import {
  type Fingerprint,
  fingerprintsOf,
  isSame,
  type Redact,
  redactorOf,
  type Salt,
  withhold,
} from '../replicate/fingerprints.ts';
import { secretKey } from './keys.ts';

/** What a secret is good for: one input of one model. */
export interface SecretUse {
  /** `owner/name`. */
  model: string;
  input: string;
}

/**
 * What is known of a secret without its value: `secrets/<name>.json`. The value, with its use, is a parameter of the Parameter
 * Store, which dispatch alone reads.
 */
export interface SecretRecord {
  use: SecretUse;
  /** Newest first. What Replicate answers may still repeat an earlier one. */
  values: { storedAt: string; fingerprints: Fingerprint[] }[];
  /** When an operator removed the value. The record is kept, because answers may still repeat it. */
  removedAt?: string;
}

/** The parameter's value. Its use is in it, so that nobody can redirect a key to another model by changing an object in S3. */
export interface StoredSecret {
  use: SecretUse;
  value: string;
}

/** How many values of a secret are recognized. */
export const MAX_VALUES = 5;

export const isSameUse = (one: SecretUse, other: SecretUse): boolean =>
  one.model === other.model && one.input === other.input;

/** A use as an operator writes it: `openai/gpt-image-1:openai_api_key`. */
export const useWords = ({ model, input }: SecretUse): string => `${model}:${input}`;

/** The command that stores a secret, for advice. */
export const setupCommand = (name: string, use: SecretUse): string =>
  `npx weaudit setup --secret ${name} --for ${useWords(use)}`;

export const readSecret = async (store: ObjectStore, name: string): Promise<SecretRecord | undefined> =>
  (await store.readJson<SecretRecord>(secretKey(name)))?.value;

/** A record with a new value in front. */
export function withValue(
  before: SecretRecord | undefined,
  { use, value }: StoredSecret,
  now: Date,
  salt: Salt,
): SecretRecord {
  const earlier = before?.values ?? [];
  const isCurrent = earlier[0] !== undefined && knows({ values: earlier.slice(0, 1) }, value);
  const added = { storedAt: now.toISOString(), fingerprints: fingerprintsOf(value, salt) };
  return { use, values: (isCurrent ? earlier : [added, ...earlier]).slice(0, MAX_VALUES) };
}

/** Whether a record recognizes a value: then answers that repeat it can be redacted. */
export const knows = ({ values }: Pick<SecretRecord, 'values'>, value: string): boolean =>
  values.some(({ fingerprints: [plain] }) => plain !== undefined && isSame(plain, value));

/** Removes all values of secrets from what Replicate says. */
export const secretRedactor = (records: readonly SecretRecord[]): Redact =>
  redactorOf(records.flatMap(({ values }) => values.flatMap(({ fingerprints }) => fingerprints)));

/**
 * What removes secrets from what Replicate answers. Records are read each time: an earlier one does not know a value that was
 * replaced since.
 * @returns a function that withholds all words if the record of a secret is missing
 */
export async function readRedactor(store: ObjectStore, names: Iterable<string>): Promise<Redact> {
  const records = await Promise.all([...new Set(names)].map((name) => readSecret(store, name)));
  const found = records.filter((record) => record !== undefined);
  return found.length < records.length ? withhold : secretRedactor(found);
}
