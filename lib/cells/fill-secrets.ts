import { SECRET_NAME } from '../contract/secret-reference.ts';
import type { ObjectStore, SecretValue } from '../ports.ts';
import { type Input, type Plan, type PlannedModel, secretsOf } from '../records/plan.ts';
import {
  isSameUse,
  knows,
  readSecret,
  type SecretRecord,
  type SecretUse,
  type StoredSecret,
  secretRedactor,
  setupCommand,
  useWords,
} from '../records/secret.ts';
import type { Redact } from '../replicate/fingerprints.ts';
import { SecretRefused } from '../secrets.ts';

/** The values of a model's inputs that name secrets. */
export interface Filled {
  input: Input;
  /** Removes the values from Replicate's words. */
  redact: Redact;
}

/** A secret cannot be sent before an operator has done something; the message says what. */
export class SecretUnavailable extends Error {
  override name = 'SecretUnavailable';
}

/**
 * Reads the secrets that a model's inputs name. A value is sent only to the model and the input that its own parameter names, and
 * only if it is recognized where Replicate's answers repeat it.
 * @throws {SecretUnavailable}; anything else may pass
 */
export async function fillSecrets(
  deps: { store: ObjectStore; secretValue: SecretValue },
  plan: Plan,
  { model, input }: PlannedModel,
): Promise<Filled> {
  const filled = await Promise.all(
    secretsOf(plan, { input }).map(async ([name, secret]) => {
      const { value, record } = await readValue(deps, secret, { model, input: name });
      return { name, value, record };
    }),
  );
  return {
    input: Object.fromEntries(filled.map(({ name, value }) => [name, value])),
    redact: secretRedactor(filled.map(({ record }) => record)),
  };
}

async function readValue(
  { store, secretValue }: { store: ObjectStore; secretValue: SecretValue },
  name: string,
  use: SecretUse,
): Promise<{ value: string; record: SecretRecord }> {
  const again = `An operator stores it by "${setupCommand(name, use)}", or cancel the audit.`;
  // A plan is an object in S3, and a name becomes a part of a parameter's.
  if (!SECRET_NAME.test(name))
    throw new SecretUnavailable(`The plan names a secret that cannot exist. ${again}`);
  let stored: StoredSecret;
  try {
    stored = parseStored(await secretValue(name));
  } catch (error) {
    if (!(error instanceof SecretRefused)) throw error;
    throw new SecretUnavailable(`The secret "${name}" has no value that the pipeline may read. ${again}`);
  }
  if (!isSameUse(stored.use, use))
    throw new SecretUnavailable(
      `The secret "${name}" is for ${useWords(stored.use)} alone, not for ${useWords(use)}. Cancel the audit, and use a secret that is for this model and input.`,
    );
  // Behind the value: the record is written first.
  const record = await readSecret(store, name);
  if (!record || record.removedAt !== undefined || !knows(record, stored.value))
    throw new SecretUnavailable(
      `The secret "${name}" is not sent, because answers that repeat it could not be recognized. ${again}`,
    );
  return { value: stored.value, record };
}

/** @throws {SecretRefused} for a value that `weaudit setup` did not write; the message does not repeat it */
function parseStored(text: string): StoredSecret {
  try {
    const { use, value } = JSON.parse(text) as StoredSecret;
    if ([use.model, use.input, value].every((one) => typeof one === 'string')) return { use, value };
  } catch {
    // Its words would repeat the value.
  }
  throw new SecretRefused('the parameter was not written by "npx weaudit setup --secret"');
}
