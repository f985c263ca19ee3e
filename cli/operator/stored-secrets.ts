import { randomBytes } from 'node:crypto';
import { SECRET_NAME } from '../../lib/contract/secret-reference.ts';
import type { ObjectStore, Time } from '../../lib/ports.ts';
import { SECRETS_PREFIX, secretKey } from '../../lib/records/keys.ts';
import {
  isSameUse,
  readSecret,
  type SecretRecord,
  type SecretUse,
  type StoredSecret,
  useWords,
  withValue,
} from '../../lib/records/secret.ts';
import { RECOGNIZABLE } from '../../lib/replicate/fingerprints.ts';
import { CommandError, EXIT } from '../exit.ts';
import { table } from '../output.ts';

/** Where values are kept: the Parameter Store. */
export interface SecretParameters {
  putSecret(name: string, stored: StoredSecret): Promise<void>;
  /** Does nothing if there is none. */
  removeSecret(name: string): Promise<void>;
}

export interface StoreDeps {
  images: ObjectStore;
  parameters: SecretParameters;
  time: Time;
}

/** What is known of a stored secret. */
export interface KnownSecret {
  name: string;
  /** `owner/name:input`. */
  use: string;
  /** ISO 8601. */
  storedAt: string;
  removedAt?: string;
}

const salt = () => randomBytes(16).toString('hex');

/** Changes by several operators at once. */
const TRIES = 5;

/**
 * Stores a secret, or replaces its value. The record with its fingerprints comes first, so that no value is sent that is not
 * recognized in answers. If the command dies in between, the earlier value is still sent; run it again.
 * @param use undefined: what the secret is for already
 * @returns what was there before
 * @throws {CommandError} for a value or a name that cannot be used, or a use that differs from that of the secret
 */
export async function storeSecret(
  { images, parameters, time }: StoreDeps,
  name: string,
  { use, value }: { use: SecretUse | undefined; value: string },
): Promise<{ use: SecretUse; before: SecretRecord | undefined }> {
  requireName(name);
  if (!RECOGNIZABLE.test(value))
    throw new CommandError(
      EXIT.usage,
      'The value must have 16 to 1,000 visible ASCII characters and no spaces: only then is it recognized and removed where a model repeats it. Nothing was changed.',
    );
  const { before, after } = await changeRecord(images, name, (existing) => {
    const current = existing?.removedAt === undefined ? existing : undefined;
    const wanted = use ?? existing?.use;
    if (!wanted)
      throw new CommandError(
        EXIT.usage,
        `There is no secret "${name}" yet. Say what it is for: --for owner/name:input. Nothing was changed.`,
      );
    if (current && !isSameUse(current.use, wanted))
      throw new CommandError(
        EXIT.refused,
        `The secret "${name}" is for ${useWords(current.use)}. A secret is good for one input of one model: choose another name, or remove this one first. Nothing was changed.`,
      );
    return withValue(existing, { use: wanted, value }, time.now(), salt);
  });
  await parameters.putSecret(name, { use: after.use, value });
  return { use: after.use, before };
}

/**
 * Removes the value of a secret. Its record is kept: answers that are still to come may repeat the value.
 * @throws {CommandError} if there is no such secret
 */
export async function removeSecret({ images, parameters, time }: StoreDeps, name: string): Promise<void> {
  requireName(name);
  if (!(await readSecret(images, name)))
    throw new CommandError(
      EXIT.refused,
      `There is no secret "${name}". "npx weaudit secrets" lists them. Nothing was changed.`,
    );
  await parameters.removeSecret(name);
  await changeRecord(images, name, (existing) => ({
    ...existing!,
    removedAt: existing?.removedAt ?? time.now().toISOString(),
  }));
}

/** All secrets, by name; removed ones too. */
export async function listSecrets(images: ObjectStore): Promise<KnownSecret[]> {
  const found: KnownSecret[] = [];
  for await (const { key } of images.list(SECRETS_PREFIX)) {
    const name = key.slice(SECRETS_PREFIX.length).replace(/\.json$/, '');
    const record = await readSecret(images, name);
    if (!record) continue;
    const { use, values, removedAt } = record;
    found.push({
      name,
      use: useWords(use),
      storedAt: values[0]?.storedAt ?? '',
      ...(removedAt === undefined ? {} : { removedAt }),
    });
  }
  return found;
}

/** A table of secrets. */
export const describeSecrets = (secrets: readonly KnownSecret[]): string =>
  secrets.length === 0
    ? 'No secrets are stored. To store one: npx weaudit setup --secret <name> --for owner/name:input'
    : table(
        ['secret', 'for', 'stored', 'removed'],
        secrets.map(({ name, use, storedAt, removedAt = '-' }) => [
          name,
          use,
          storedAt.slice(0, 16),
          removedAt.slice(0, 16),
        ]),
      );

function requireName(name: string): void {
  if (!SECRET_NAME.test(name))
    throw new CommandError(
      EXIT.usage,
      `"${name}" is no name of a secret. Use at most 40 lower-case letters, digits and hyphens. Nothing was changed.`,
    );
}

/** By compare-and-swap, so that no operator's fingerprints are lost. */
async function changeRecord(
  images: ObjectStore,
  name: string,
  change: (existing: SecretRecord | undefined) => SecretRecord,
): Promise<{ before: SecretRecord | undefined; after: SecretRecord }> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const existing = await images.readJson<SecretRecord>(secretKey(name));
    const after = change(existing?.value);
    if (await images.swapJson(secretKey(name), after, existing?.etag))
      return { before: existing?.value, after };
  }
  throw new CommandError(
    EXIT.unavailable,
    `Others are changing the secret "${name}" at this moment. Run the same command again.`,
  );
}
