import { findModel, findVersion, type Model, type Property } from './models.ts';
import type { WebhookEvent } from './prediction.ts';
import { type InvalidField, invalidInput, invalidVersion, notFound } from './problems.ts';
import { HIDDEN } from './spoken.ts';

/** A valid create request. */
export interface CreateRequest {
  model: Model;
  /** As the prediction will show it. */
  version: string;
  /** Without secrets. */
  input: Record<string, unknown>;
  secrets: Record<string, string>;
  webhook: string | null;
  events: WebhookEvent[];
}

const EVENTS: readonly WebhookEvent[] = ['start', 'output', 'logs', 'completed'];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/u;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
};

const wrongType = (field: string, expected: string, given: unknown): InvalidField => ({
  type: 'invalid_type',
  field,
  description: `Invalid type. Expected: ${expected}, given: ${typeOf(given)}`,
});

/** Webhooks go to https, and to plain http on this machine alone, which real Replicate could not reach. */
const acceptsWebhook = (address: string): boolean => {
  const url = URL.parse(address);
  if (url === null) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
};

const checkBody = (body: unknown, keys: string[], required: string[]): Record<string, unknown> => {
  if (!isObject(body)) throw invalidInput([wrongType('(root)', 'object', body)]);
  const faults: InvalidField[] = [];
  for (const key of required)
    if (body[key] === undefined)
      faults.push({ type: 'required', field: '(root)', description: `${key} is required` });
  for (const key of Object.keys(body))
    if (!keys.includes(key))
      faults.push({
        type: 'additional_property_not_allowed',
        field: '(root)',
        description: `Additional property ${key} is not allowed`,
      });
  if (body.input !== undefined && !isObject(body.input))
    faults.push(wrongType('input', 'object', body.input));
  if (body.version !== undefined && typeof body.version !== 'string')
    faults.push(wrongType('version', 'string', body.version));
  if (body.stream !== undefined && typeof body.stream !== 'boolean')
    faults.push(wrongType('stream', 'boolean', body.stream));
  if (body.webhook != null) {
    if (typeof body.webhook !== 'string') faults.push(wrongType('webhook', 'string', body.webhook));
    else if (!acceptsWebhook(body.webhook))
      faults.push({ type: 'format', field: 'webhook', description: 'Must be a valid HTTPS URL' });
  }
  const filter = body.webhook_events_filter;
  if (filter != null) {
    if (!Array.isArray(filter)) faults.push(wrongType('webhook_events_filter', 'array', filter));
    else
      filter.forEach((event, i) => {
        if (!EVENTS.includes(event))
          faults.push({
            type: 'enum',
            field: `webhook_events_filter.${i}`,
            description: `webhook_events_filter.${i} must be one of the following: ${EVENTS.map((name) => `"${name}"`).join(', ')}`,
          });
      });
  }
  if (faults.length > 0) throw invalidInput(faults);
  return body;
};

/** The schema that counts for an input: the component that it refers to, or its own. */
const resolved = (model: Model, name: string): Property | undefined => {
  const property = Object.hasOwn(model.input.properties, name) ? model.input.properties[name] : undefined;
  const component = property?.allOf?.[0]?.$ref.split('/').at(-1);
  return component === undefined ? property : { ...property, ...model.components?.[component] };
};

/** What is wrong with an input, by the model's schema. Unknown inputs pass, as on Replicate. */
const inputFaults = (model: Model, input: Record<string, unknown>): InvalidField[] => {
  const faults: InvalidField[] = [];
  for (const name of model.input.required)
    if (input[name] === undefined)
      faults.push({ type: 'required', field: 'input', description: `${name} is required` });
  for (const [name, value] of Object.entries(input)) {
    const property = resolved(model, name);
    if (property !== undefined) faults.push(...valueFaults(`input.${name}`, property, value));
  }
  return faults;
};

const valueFaults = (field: string, property: Property, value: unknown): InvalidField[] => {
  if (value === null && property.nullable === true) return [];
  const faults: InvalidField[] = [];
  const isType = typeOf(value) === property.type || (property.type === 'number' && typeof value === 'number');
  if (!isType) return [wrongType(field, property.type ?? 'any', value)];
  if (Array.isArray(property.enum) && !property.enum.includes(value))
    faults.push({
      type: 'enum',
      field,
      description: `${field} must be one of the following: ${property.enum.map((one) => JSON.stringify(one)).join(', ')}`,
    });
  if (typeof property.minimum === 'number' && (value as number) < property.minimum)
    faults.push({
      type: 'number_gte',
      field,
      description: `Must be greater than or equal to ${property.minimum}`,
    });
  if (typeof property.maximum === 'number' && (value as number) > property.maximum)
    faults.push({
      type: 'number_lte',
      field,
      description: `Must be less than or equal to ${property.maximum}`,
    });
  if (typeof property.maxLength === 'number' && Array.from(value as string).length > property.maxLength)
    faults.push({
      type: 'string_lte',
      field,
      description: `String length must be less than or equal to ${property.maxLength}`,
    });
  if (property.format === 'uri' && URL.parse(value as string) === null)
    faults.push({ type: 'format', field, description: "Does not match format 'uri'" });
  if (Array.isArray(value)) {
    if (typeof property.maxItems === 'number' && value.length > property.maxItems)
      faults.push({
        type: 'array_max_items',
        field,
        description: `Array must have at most ${property.maxItems} items`,
      });
    for (const [i, item] of value.entries())
      faults.push(...valueFaults(`${field}.${i}`, property.items as Property, item));
  }
  return faults;
};

/** The secrets of an input. */
const secretsIn = (model: Model, input: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(input).flatMap(([name, value]) =>
      resolved(model, name)?.['x-cog-secret'] === true && value !== null ? [[name, String(value)]] : [],
    ),
  );

const finish = (model: Model, version: string, body: Record<string, unknown>): CreateRequest => {
  const input = body.input as Record<string, unknown>;
  const faults = inputFaults(model, input);
  if (faults.length > 0) throw invalidInput(faults);
  const secrets = secretsIn(model, input);
  const filter = body.webhook_events_filter as WebhookEvent[] | null | undefined;
  return {
    model,
    version,
    // As it is kept and shown: secrets are replaced.
    input: { ...input, ...Object.fromEntries(Object.keys(secrets).map((name) => [name, HIDDEN])) },
    secrets,
    webhook: (body.webhook as string | undefined) ?? null,
    events: filter == null ? [...EVENTS] : [...new Set(filter)],
  };
};

const COMMON = ['input', 'stream', 'webhook', 'webhook_events_filter'];

/**
 * Body of `POST /v1/predictions`. `version` is `owner/name` for official models, else `owner/name:<64 hex>` or the
 * 64 hexadecimal digits alone.
 * @throws Problem 422
 */
export const parseVersionRequest = (given: unknown): CreateRequest => {
  const body = checkBody(given, ['version', ...COMMON], ['version', 'input']);
  const [, name, id] =
    /^(?:([^/:]+\/[^/:]+)(?::(?=[0-9a-f]{64}$)|$))?([0-9a-f]{64})?$/u.exec(body.version as string) ?? [];
  if (id !== undefined) {
    const model = findVersion(id);
    if (model === undefined || (name !== undefined && name !== `${model.owner}/${model.name}`))
      throw invalidVersion();
    return finish(model, model.official ? model.shownVersion : id, body);
  }
  const model = name === undefined ? undefined : findModel(name);
  if (!model?.official) throw invalidVersion();
  return finish(model, model.shownVersion, body);
};

/**
 * Body of `POST /v1/models/{owner}/{name}/predictions`, which only official models have.
 * @throws Problem 404 or 422
 */
export const parseModelRequest = (model: Model | undefined, given: unknown): CreateRequest => {
  if (!model?.official) throw notFound();
  return finish(model, model.shownVersion, checkBody(given, COMMON, ['input']));
};

const SHORTEST = 5;

/**
 * `Cancel-After`: `90`, `30s`, `5m`, `1h30m45s`, at least five seconds.
 * @returns milliseconds, or null without the header
 * @throws Problem 422
 */
export const parseCancelAfter = (header: string | undefined): number | null => {
  if (header === undefined) return null;
  const [all, hours, minutes, seconds] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/u.exec(header.trim()) ?? [];
  const total = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  if (!all || !Number.isSafeInteger(total))
    throw invalidInput([
      { type: 'format', field: 'Cancel-After', description: 'Must be a duration like 30s, 5m or 1h30m' },
    ]);
  if (total < SHORTEST)
    throw invalidInput([
      { type: 'minimum', field: 'Cancel-After', description: `Must be at least ${SHORTEST} seconds` },
    ]);
  return total * 1000;
};

/** How the caller wants to be answered. */
export type Preference = { mode: 'async' } | { mode: 'default' } | { mode: 'wait'; milliseconds: number };

/**
 * `Prefer`: `wait`, `wait=1` to `wait=60`, or `respond-async`.
 * @throws Problem 422
 */
export const parsePrefer = (header: string | undefined): Preference => {
  if (header === undefined) return { mode: 'default' };
  if (header.trim() === 'respond-async') return { mode: 'async' };
  const match = /^wait(?:=([1-9]|[1-5][0-9]|60))?$/u.exec(header.trim());
  if (match === null)
    throw invalidInput([
      { type: 'pattern', field: 'Prefer', description: 'Must be wait, or wait=n with n from 1 to 60' },
    ]);
  return { mode: 'wait', milliseconds: Number(match[1] ?? 60) * 1000 };
};
