import { isReference } from '../contract/secret-reference.ts';
import { Refusal } from '../errors.ts';
import { pairNumber } from '../records/pairs.ts';
import { SEEDS, type SeedRange, seedOf } from '../records/plan.ts';
import { isSameUse, type SecretRecord, type SecretUse, setupCommand } from '../records/secret.ts';
import { shown } from '../replicate/input-words.ts';
import type { Fault, ModelInputs } from '../replicate/inputs.ts';
import { looksSecret } from '../replicate/secret-inputs.ts';
import type { Design } from './request.ts';

/** A model of a design, with what it takes; undefined where Replicate does not describe that. */
export interface DescribedModel {
  /** As it was requested. */
  model: string;
  /** Inputs for this model alone. */
  input: Record<string, unknown>;
  inputs: ModelInputs | undefined;
}

/** What is known of secrets, by their names; undefined for one that does not exist. */
export type KnownSecrets = ReadonlyMap<string, SecretRecord | undefined>;

/** Characters of a secret, as far as its length is checked. */
const MAX_SECRET = 1_000;
/** Sentences of a refusal. */
const MAX_FAULTS = 10;
/** Names of inputs in a sentence. */
const MAX_NAMES = 30;

/**
 * Checks that every model takes what the design would send it: prompts, seeds, and its inputs with those for all models.
 * @param seed the audit's, from which those of the prompts and samples are derived
 * @param secrets those that the design names
 * @returns the range of seeds that all models take; undefined if they take every seed of 31 bits
 * @throws {Refusal} 422, with a line for each thing to change
 */
export function checkInputs(
  design: Design,
  models: DescribedModel[],
  seed: number,
  secrets: KnownSecrets,
): SeedRange | undefined {
  const seeds = commonSeeds(models);
  const errors: string[] = [];
  const fields: string[] = [];
  for (const [field, fault] of allFaults(design, models, seed, seeds, secrets)) {
    fields.push(field);
    errors.push(errors.length < MAX_FAULTS ? fault : 'There is more to change.');
    if (errors.length > MAX_FAULTS) break;
  }
  if (errors.length > 0) throw new Refusal(422, errors.join('\n'), { members: { errors, fields } });
  return seeds;
}

/** A member of the design, and what is wrong with it. */
type About = [field: 'models' | 'input' | 'prompts' | 'samples', fault: string];

/** As far as they are read: a design can have tens of thousands. */
function* allFaults(
  design: Design,
  models: DescribedModel[],
  seed: number,
  seeds: SeedRange | undefined,
  secrets: KnownSecrets,
): Generator<About> {
  for (const [place, model] of models.entries()) {
    const { inputs } = model;
    if (inputs && !inputs.names.includes('prompt')) {
      yield [
        'models',
        `The model "${model.model}" takes no prompt: it has no input of this name. Its inputs: ${namesOf(inputs)}. Choose a model that makes images from a prompt.`,
      ];
      continue;
    }
    for (const fault of inputFaults(model, design, secrets)) yield ['input', fault];
    if (inputs)
      for (const fault of promptFaults(model.model, place, inputs, design)) yield ['prompts', fault];
  }
  yield* seedFaults(models, design, seed, seeds);
}

function* inputFaults(
  { model, input, inputs }: DescribedModel,
  design: Design,
  secrets: KnownSecrets,
): Iterable<string> {
  const sent = { ...design.input, ...input };
  const isShared = (name: string) => design.models.length > 1 && !Object.hasOwn(input, name);
  for (const [name, value] of Object.entries(sent)) {
    const use = { model: nameOf(model), input: name };
    const isSecret = looksSecret(name) || inputs?.secret.includes(name);
    if (isSecret && !isReference(value))
      yield `The input "${name}" of the model "${model}" is a secret, such as a key or a password. An audit would keep it in its plan, results, manifest and backup. ${adviceFor(use)}`;
    else if (inputs && !inputs.names.includes(name))
      yield `The model "${model}" has no input "${name}" and would ignore it. Its inputs: ${namesOf(inputs)}.${isShared(name) ? ` Other models can get it alone, by {"model": …, "input": {"${name}": …}} in a design file, or in an audit of their own.` : ''}`;
    else if (isReference(value)) yield* secretFaults(use, value.secret, inputs, secrets.get(value.secret));
    else yield* sentence(model, inputs?.fault(name, value));
  }
  if (!inputs) return;
  for (const name of inputs.required) {
    if (name === 'prompt' || name === 'seed' || Object.hasOwn(sent, name)) continue;
    yield inputs.secret.includes(name)
      ? `The model "${model}" needs the secret input "${name}". ${adviceFor({ model: nameOf(model), input: name })}`
      : `The model "${model}" needs the input "${name}": ${inputs.takes(name)}. Add it to the inputs.`;
  }
}

const nameOf = (model: string): string => model.split(':')[0]!;

/** How a secret gets to a model although no audit keeps it. */
const adviceFor = (use: SecretUse): string =>
  `An operator can store it by "${setupCommand('<name>', use)}"; then write {"secret": "<name>"} instead of its value.`;

/** A secret is good for one input of one model, and its value is a text that is not known here. */
function* secretFaults(
  use: SecretUse,
  name: string,
  inputs: ModelInputs | undefined,
  record: SecretRecord | undefined,
): Iterable<string> {
  if (!record || record.removedAt !== undefined)
    return yield `There is no secret "${name}" for the input "${use.input}" of the model "${use.model}". Check its name, or ask an operator to store it: ${setupCommand(name, use)}`;
  if (!isSameUse(record.use, use))
    return yield `The secret "${name}" is for the input "${record.use.input}" of the model "${record.use.model}" alone, not for "${use.input}" of "${use.model}". Use another secret, or ask an operator to store one: ${setupCommand('<name>', use)}`;
  const length = record.values[0]?.fingerprints[0]?.length ?? 0;
  const fault = inputs?.fault(use.input, 'x'.repeat(Math.min(length, MAX_SECRET)));
  if (fault)
    yield `The model "${use.model}" takes ${fault.takes} as "${fault.at}", and the secret "${name}" is none. Ask an operator to store another value: ${setupCommand(name, use)}`;
}

const namesOf = ({ names }: ModelInputs): string =>
  names.length > MAX_NAMES
    ? `${names.slice(0, MAX_NAMES).join(', ')} … (${names.length} in all)`
    : names.join(', ') || 'none';

function* sentence(model: string, fault: Fault | undefined): Iterable<string> {
  if (!fault) return;
  const { at, takes, given } = fault;
  yield given === undefined
    ? `The model "${model}" needs "${at}": ${takes}.`
    : `The model "${model}" takes ${takes} as "${at}", not ${givenWords(given)}.`;
}

/** A number in quotes looks right at first sight. */
const givenWords = (given: unknown): string =>
  typeof given === 'string' && /^([\d.+-]+|true|false|null)$/.test(given)
    ? `the text ${shown(given)}`
    : shown(given);

function* promptFaults(model: string, place: number, inputs: ModelInputs, design: Design): Iterable<string> {
  const wrong = design.prompts.flatMap(({ text }, i) => {
    const fault = pairNumber(design, i, place) === undefined ? undefined : inputs.fault('prompt', text);
    return fault ? [{ fault, text, number: i + 1 }] : [];
  });
  const [first] = wrong;
  if (!first) return;
  const { fault, text, number } = first;
  const more = wrong.length > 1 ? `, and ${wrong.length - 1} more prompts` : '';
  yield `The model "${model}" takes ${fault.takes} as "prompt", not prompt ${number} (${shown(text)}, ${Array.from(text).length} characters)${more}.`;
}

/** Models that take seeds, each with those that it takes. */
const seedRanges = (models: DescribedModel[]) =>
  models.flatMap(({ model, inputs }) =>
    inputs?.names.includes('seed') ? [{ model, inputs, range: inputs.range('seed') }] : [],
  );

function commonSeeds(models: DescribedModel[]): SeedRange | undefined {
  const ranges = seedRanges(models).map(({ range }) => range);
  const least = Math.max(SEEDS.least, ...ranges.map((range) => range.least));
  const most = Math.min(SEEDS.most, ...ranges.map((range) => range.most));
  return least === SEEDS.least && most === SEEDS.most ? undefined : { least, most };
}

/** A sample of a prompt has one seed for all models, and no two samples of a prompt have the same. */
function* seedFaults(
  models: DescribedModel[],
  { prompts, samples }: Design,
  seed: number,
  seeds: SeedRange | undefined,
): Iterable<About> {
  const count = seeds ? Math.max(0, seeds.most - seeds.least + 1) : Number.POSITIVE_INFINITY;
  if (count < samples) {
    const which = seedRanges(models)
      .filter(({ range }) => range.least > SEEDS.least || range.most < SEEDS.most)
      .map(({ model, range }) => `"${model}" (${rangeWords(range)})`);
    const words = which.join(' and ');
    return yield count > 0
      ? [
          'samples',
          `Each sample of a prompt needs a seed of its own, and not enough of them are taken by ${words}. Take at most ${count} samples.`,
        ]
      : [
          'models',
          `Each sample has one seed for all models, and no seed in common is taken by ${words}. Choose other models, or run an audit for each of them.`,
        ];
  }
  for (const { model, inputs } of seedRanges(models)) {
    // Of one prompt: those of the others are whole numbers of the same range.
    const plan = { version: 2 as const, seed, prompts: prompts.slice(0, 1), ...(seeds ? { seeds } : {}) };
    for (let sample = 0; sample < samples; sample++) {
      const fault = inputs.fault('seed', seedOf(plan, 0, sample));
      if (!fault) continue;
      yield [
        'models',
        `The model "${model}" takes ${fault.takes} as "seed", and an audit sends whole numbers such as ${String(fault.given)}. Choose another model.`,
      ];
      break;
    }
  }
}

function rangeWords({ least, most }: SeedRange): string {
  if (!Number.isFinite(most)) return `from ${least}`;
  return Number.isFinite(least) ? `from ${least} to ${most}` : `up to ${most}`;
}
