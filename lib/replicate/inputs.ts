import { jsonOf } from '../json.ts';
import { inWords } from './input-words.ts';
import { boundsIn, choicesIn, isObject, listIn, numberIn, own, type Schema, typesIn } from './schema.ts';
import { looksSecret } from './secret-inputs.ts';

/** A value that an input does not take. */
export interface Fault {
  /** The input, such as `num_outputs` or `images[2]`. */
  at: string;
  /** What it takes, in words. */
  takes: string;
  /** The wrong value; undefined where one is missing. */
  given: unknown;
}

/** As `lib/contract/request.ts` has them: an input of another name cannot be sent. */
const NAME = /^[A-Za-z0-9_]{1,64}$/;
const MAX_INPUTS = 1_000;
/** Characters of a description, as JSON, that is kept while a design is checked. */
const MAX_LENGTH = 1_000_000;
/** How deep a schema is followed. */
const MAX_DEPTH = 30;
/** Schemas that are visited and choices that are compared for a model. Ordinary ones need some thousands. */
const MAX_WORK = 50_000;

/** JSON.parse reads 1e999 as Infinity, which JSON cannot say. */
const TYPES: Record<string, (value: unknown) => boolean> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  number: Number.isFinite,
  string: (value) => typeof value === 'string',
  array: Array.isArray,
  object: isObject,
};
const isType = (type: unknown, value: unknown): boolean =>
  // A type that is not known permits everything.
  typeof type !== 'string' || !Object.hasOwn(TYPES, type) || TYPES[type]!(value);

const isComposite = (value: unknown) => typeof value === 'object' && value !== null;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** A part of a schema that cannot be read. */
class Unreadable extends Error {}

/**
 * The inputs of one version, from its OpenAPI description as Cog writes it. Strangers write these descriptions: what cannot
 * be read, or costs too much to read, permits every value. Replicate checks each request itself, so what is not noticed
 * here costs a refused request, and a check that is too strict would make a model unusable.
 */
export class ModelInputs {
  readonly names: string[];
  /** Names of inputs without which Replicate refuses. */
  readonly required: string[];
  /** Names of inputs that are keys or passwords. */
  readonly secret: string[];
  /** Why a part was not checked; undefined if everything was. */
  unread: string | undefined;
  readonly #document: unknown;
  readonly #properties: Schema;
  #work = 0;

  private constructor(document: unknown, properties: Schema, required: unknown[]) {
    this.#document = document;
    this.#properties = properties;
    this.names = Object.keys(properties).filter((name) => NAME.test(name));
    const needed = new Set(required);
    this.required = this.names.filter((name) => needed.has(name));
    this.secret = this.names.filter(
      (name) => looksSecret(name) || this.#try(() => this.#isSecret(properties[name])),
    );
  }

  /**
   * @param document the `openapi_schema` of a version
   * @returns undefined if it describes no inputs, or is too large: more than a thousand inputs, or a million characters
   */
  static read(document: unknown): ModelInputs | undefined {
    const input = own(own(own(document, 'components'), 'schemas'), 'Input');
    const properties = own(input, 'properties');
    if (!isObject(properties) || Object.keys(properties).length > MAX_INPUTS) return undefined;
    if ((jsonOf(document)?.length ?? Number.POSITIVE_INFINITY) > MAX_LENGTH) return undefined;
    return new ModelInputs(document, properties, listIn(input as Schema, 'required'));
  }

  /** What is wrong with a value; undefined for one that the input takes or that cannot be checked. */
  fault(name: string, value: unknown): Fault | undefined {
    return this.#try(() => this.#check(own(this.#properties, name), value, name));
  }

  /** What an input takes, in words. */
  takes(name: string): string {
    const partsOf = (schema: Schema, depth: number) => this.#parts(schema, depth);
    return this.#try(() => inWords(own(this.#properties, name), partsOf)) ?? 'a value';
  }

  /** The whole numbers that an input takes, as far as bounds say it. */
  range(name: string): { least: number; most: number } {
    const all = { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY };
    return this.#try(() => this.#range(own(this.#properties, name))) ?? all;
  }

  #try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.unread ??= error.message;
      return undefined;
    }
  }

  #spend(depth: number, work = 1): void {
    this.#work += work;
    if (this.#work > MAX_WORK) throw new Unreadable('its schema takes too long to check');
    if (depth > MAX_DEPTH) throw new Unreadable('its schema is nested too deep or refers to itself');
  }

  /** The schema that a `$ref` names, within the description alone. */
  #target($ref: unknown): unknown {
    const [start, ...names] = typeof $ref === 'string' ? $ref.split('/', MAX_DEPTH) : [];
    const unescaped = names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
    const found = start === '#' ? unescaped.reduce(own, this.#document) : undefined;
    if (found === undefined) throw new Unreadable('its schema refers to something that it does not contain');
    return found;
  }

  /** The schemas that must hold together with this one. What stands beside a `$ref` only describes. */
  #parts(schema: Schema, depth: number): unknown[] {
    this.#spend(depth);
    const $ref = own(schema, '$ref');
    return $ref === undefined ? listIn(schema, 'allOf') : [this.#target($ref)];
  }

  #check(schema: unknown, value: unknown, at: string, depth = 0): Fault | undefined {
    if (!isObject(schema)) return undefined;
    const parts = this.#parts(schema, depth);
    if (value === null && own(schema, 'nullable') === true) return undefined;
    for (const part of parts) {
      const fault = this.#check(part, value, at, depth + 1);
      if (fault) return fault;
    }
    if (own(schema, '$ref') !== undefined) return undefined;
    if (!this.#fits(schema, value, at, depth)) return this.#fault(at, schema, value, depth);
    return this.#checkMembers(schema, value, at, depth);
  }

  #fault(at: string, schema: unknown, given: unknown, depth: number): Fault {
    const takes = this.#try(() => inWords(schema, (part, more) => this.#parts(part, depth + more)));
    return { at, takes: takes ?? 'another value', given };
  }

  /** Whether a value fits the keywords of a schema that are not about members. Lists and objects are not compared. */
  #fits(schema: Schema, value: unknown, at: string, depth: number): boolean {
    const types = typesIn(schema);
    if (types.length > 0 && !types.some((type) => isType(type, value))) return false;
    const choices = choicesIn(schema);
    this.#spend(depth, choices.length);
    const isChoice = (choice: unknown) => choice === value || (isComposite(choice) && isComposite(value));
    if (choices.length > 0 && !choices.some(isChoice)) return false;
    for (const name of ['anyOf', 'oneOf']) {
      const alternatives = listIn(schema, name);
      if (alternatives.length > 0 && alternatives.every((one) => this.#check(one, value, at, depth + 1)))
        return false;
    }
    if (typeof value === 'number') return isWithin(schema, value);
    if (Array.isArray(value)) return hasSize(schema, 'Items', value.length);
    if (typeof value !== 'string') return true;
    return (
      hasSize(schema, 'Length', lengthOf(value)) && (own(schema, 'format') !== 'uri' || SCHEME.test(value))
    );
  }

  #checkMembers(schema: Schema, value: unknown, at: string, depth: number): Fault | undefined {
    if (!isComposite(value)) return undefined;
    const [items, properties] = [own(schema, 'items'), own(schema, 'properties')];
    if (isObject(value))
      for (const name of listIn(schema, 'required'))
        if (typeof name === 'string' && !Object.hasOwn(value, name))
          return this.#fault(`${at}.${name}`, own(properties, name), undefined, depth);
    for (const [name, member] of Object.entries(value as object)) {
      const fault = Array.isArray(value)
        ? this.#check(items, member, `${at}[${name}]`, depth + 1)
        : this.#check(own(properties, name), member, `${at}.${name}`, depth + 1);
      if (fault) return fault;
    }
    return undefined;
  }

  /** A secret in a part makes the whole input one. */
  #isSecret(schema: unknown, depth = 0): boolean {
    if (!isObject(schema)) return false;
    const parts = [
      ...this.#parts(schema, depth),
      ...['anyOf', 'oneOf'].flatMap((name) => listIn(schema, name)),
      own(schema, 'items'),
      ...Object.values(own(schema, 'properties') ?? {}),
    ];
    return (
      own(schema, 'x-cog-secret') === true ||
      own(schema, 'writeOnly') === true ||
      own(schema, 'format') === 'password' ||
      parts.some((part) => this.#isSecret(part, depth + 1))
    );
  }

  #range(schema: unknown, depth = 0): { least: number; most: number } {
    let [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    if (!isObject(schema)) return { least, most };
    const bounds = boundsIn(schema);
    least = Math.max(Math.ceil(bounds.least ?? least), Math.floor(bounds.above ?? least) + 1);
    most = Math.min(Math.floor(bounds.most ?? most), Math.ceil(bounds.below ?? most) - 1);
    for (const part of this.#parts(schema, depth)) {
      const inner = this.#range(part, depth + 1);
      [least, most] = [Math.max(least, inner.least), Math.min(most, inner.most)];
    }
    return { least, most };
  }
}

function isWithin(schema: Schema, value: number): boolean {
  const { least = value, most = value, above, below } = boundsIn(schema);
  return (
    value >= least &&
    value <= most &&
    !(above !== undefined && value <= above) &&
    !(below !== undefined && value >= below)
  );
}

const hasSize = (schema: Schema, what: 'Length' | 'Items', size: number): boolean =>
  size >= (numberIn(schema, `min${what}`) ?? 0) && size <= (numberIn(schema, `max${what}`) ?? size);

/** Characters as JSON Schema counts them: an emoji is one. */
const lengthOf = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};
