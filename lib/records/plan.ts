import { createHash } from 'node:crypto';
import { referencesIn } from '../contract/secret-reference.ts';
import type { ShownFormat } from '../images/verdict.ts';
import type { Retention } from '../limits.ts';
import type { Price } from '../money/price.ts';
import type { ObjectStore } from '../ports.ts';
import { redactor, shownInput } from '../replicate/secret-inputs.ts';
import { planKey } from './keys.ts';
import { type Pair, type Place, placeOf, seedGroup } from './pairs.ts';

export type { Retention };
export type Input = Record<string, unknown>;

/** One text, which models are asked for; factors are what it is an example of: columns of a table, or its template's values. */
export interface Prompt {
  text: string;
  factors?: Record<string, string>;
}

/** A model as it was when the audit was accepted. */
export interface PlannedModel {
  /** `owner/name`. */
  model: string;
  /** The version that every cell asks for; null for official models, which have no versions. */
  version: string | null;
  /** Inputs for this model alone. */
  input: Input;
  /** Names of the inputs the version knows; null where Replicate does not tell. Unknown ones are ignored silently. */
  inputs: string[] | null;
  seed: 'supported' | 'unsupported' | 'unknown';
  /** Names of its inputs that are secret, and redacted where Replicate shows them. Absent if there are none. */
  secrets?: string[];
  /** What a prediction costs, as it was known when the audit was accepted. Absent where nobody knew. */
  price?: Price;
}

/** A picture that somebody is about to upload. */
export interface Picture {
  /** Hex. */
  sha256: string;
  bytes: number;
  /** What its first bytes announce; absent for what is no known image. */
  format?: ShownFormat;
}

/** What was accepted: `audits/<a>/audit.json`. It is written once and is the evidence of what was asked. */
export interface Plan {
  /** 2: seeds are derived by prompt. Absent: all prompts share the seeds of the samples. */
  version?: 2;
  id: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  /** Name of the API token that asked. */
  createdBy: string;
  /** The request that wrote this; of two equal ones at once, only it sends the cells to the queue. */
  request: string;
  retention: Retention;
  seed: number;
  /** Which seeds samples may have. Absent if all models take every seed of 31 bits. */
  seeds?: SeedRange;
  samples: number;
  /** Each text once. */
  prompts: Prompt[];
  models: PlannedModel[];
  /** Which prompt goes to which model. Absent if every prompt goes to every model. */
  pairs?: Pair[];
  /** Factors that are contrasted: prompts that differ in these alone share seeds. */
  compare?: string[];
  /** For each prompt, the place of the first one with the same seeds. Absent without `compare`. */
  groups?: number[];
  /** A factor whose values are numbers to hold the results against. */
  reference?: string;
  /** Inputs for every model. */
  input: Input;
  cells: number;
  /** Dollars that the request allowed at most. */
  maxCost?: number;
  /** The pictures are uploaded by `createdBy`, and nothing is requested. Absent: models are asked. */
  source?: 'imported';
  /** Imported: the picture of each cell. No other is taken. */
  pictures?: Picture[];
  /** Imported: how many pictures each prompt has. Absent if all have as many as `samples`, which is the most. */
  counts?: number[];
}

/** Whether pictures are uploaded instead of requested. Such an audit has one model. */
export const isImported = ({ source }: Pick<Plan, 'source'>): boolean => source === 'imported';

/** Both ends belong to it. */
export interface SeedRange {
  least: number;
  most: number;
}

/** One prediction of an audit, as planned. */
export interface Cell {
  n: number;
  prompt: Prompt;
  model: PlannedModel;
  /** 0 for the first sample of a prompt and a model. */
  sample: number;
  /** The seed of this sample of the prompt, the same for all models. */
  seed: number;
}

/** @throws {RangeError} if the audit has no such cell */
function requirePlace(plan: Plan, n: number): Place {
  const place = placeOf(plan, n);
  if (!place) throw new RangeError(`audit ${plan.id} has no cell ${n}`);
  return place;
}

/** The place of a cell's model among the audit's. */
export const modelPlace = (plan: Plan, n: number): number => requirePlace(plan, n).model;

/** The model of a cell, without what the rest of the cell takes: its seed is a hash. */
export const modelAt = (plan: Plan, n: number): PlannedModel => plan.models[modelPlace(plan, n)]!;

/** The cell numbered n. @throws {RangeError} if there is none */
export function cellAt(plan: Plan, n: number): Cell {
  const { prompt, model, sample } = requirePlace(plan, n);
  return {
    n,
    prompt: plan.prompts[prompt]!,
    model: plan.models[model]!,
    sample,
    seed: seedOf(plan, prompt, sample),
  };
}

/** 31 bits: models with a signed 32-bit seed take them as well as those with an unsigned one. */
export const SEEDS: SeedRange = { least: 0, most: 2 ** 31 - 1 };

/** A plan, as far as its seeds follow from it. */
export type SeedPlan = Pick<Plan, 'version' | 'seed' | 'seeds' | 'prompts' | 'groups'>;

/**
 * The seed of a sample of a prompt, the same for all models. It follows from the audit's seed and the text of the first
 * prompt that shares it, so that the same prompt has the same seeds in an audit with the same seed and other prompts.
 * @param prompt its place in the plan
 */
export function seedOf(
  { version, seed, seeds, prompts, groups }: SeedPlan,
  prompt: number,
  sample: number,
): number {
  if (version === undefined) return seeds ? spread(String(seed), sample, seeds) : hash31(`${seed}/${sample}`);
  const { text } = prompts[seedGroup({ version, groups }, prompt)]!;
  return spread(`${seed}/${text}`, sample, seeds ?? SEEDS);
}

/**
 * A seed for each sample, spread evenly over a range from a place that the text says, so that none has the seed of
 * another, nor one of the few behind it, which some models use for the further images of a prediction.
 */
function spread(text: string, sample: number, { least, most }: SeedRange): number {
  const size = most - least + 1;
  let step = Math.max(1, Math.round(size * GOLDEN));
  while (divisor(step, size) > 1) step++;
  return least + ((hash31(text) + sample * step) % size);
}

const hash31 = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0) >>> 1;
/** Steps of this share of a circle leave the widest gaps between all points. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** The greatest common divisor. With a step that has none with the size, all places are taken before one is taken again. */
const divisor = (one: number, other: number): number => (other === 0 ? one : divisor(other, one % other));

/** Removes the secrets of a cell from what Replicate says about it. */
export const cellRedactor = (plan: Plan, { model }: Cell, ...echoed: (Input | null | undefined)[]) =>
  redactor(model.secrets, plan.input, model.input, ...echoed);

/** A plan as it is shown and listed in the manifest, whose cells have the pictures. Older plans can hold secrets. */
export function shownPlan({
  request: _request,
  pictures: _pictures,
  seed,
  ...plan
}: Plan): Omit<Plan, 'request' | 'pictures' | 'seed'> & { seed?: number } {
  const models = plan.models.map((model) => ({ ...model, input: shownInput(model.secrets, model.input) }));
  const secrets = plan.models.flatMap((model) => model.secrets ?? []);
  const input = shownInput(secrets, plan.input);
  return { ...plan, ...(isImported(plan) ? {} : { seed }), models, input };
}

/** The inputs of a model's cells that name stored secrets, each with the name of its secret. */
export const secretsOf = (plan: Pick<Plan, 'input'>, model: Pick<PlannedModel, 'input'>) =>
  referencesIn({ ...plan.input, ...model.input });

/** What Replicate is sent for a cell, where stored secrets are still names. A seed only goes to models that know one, or do not say. */
export function inputOf(plan: Plan, cell: Cell): Input {
  return {
    ...plan.input,
    ...cell.model.input,
    prompt: cell.prompt.text,
    ...(cell.model.seed === 'unsupported' ? {} : { seed: cell.seed }),
  };
}

/** The plan of an audit, or undefined where there is none. Plans never change, so callers may keep them. */
export async function readPlan(store: ObjectStore, audit: string): Promise<Plan | undefined> {
  return (await store.readJson<Plan>(planKey(audit)))?.value;
}

/** How large an audit is, and when it was accepted. */
export interface Size {
  id: string;
  cells: number;
  acceptedAt: Date;
  isImported: boolean;
}

/** The size of an audit without its plan, which may have megabytes; undefined where there is none. */
export async function readSize(store: ObjectStore, audit: string): Promise<Size | undefined> {
  const head = await store.head(planKey(audit));
  if (!head) return undefined;
  const { predictions, source } = head.metadata;
  const cells = predictions === undefined ? (await readPlan(store, audit))?.cells : Number(predictions);
  return cells === undefined
    ? undefined
    : { id: audit, cells, acceptedAt: head.modified, isImported: source === 'imported' };
}

/**
 * Keeps the plan that was read last: a function mostly works for one audit at a time, and a plan can have megabytes.
 * @returns for a store a reader of its plans; all readers share what is kept
 */
export function planKeeper(): (store: ObjectStore) => (audit: string) => Promise<Plan | undefined> {
  let kept: Plan | undefined;
  return (store) => async (audit) => {
    if (kept?.id === audit) return kept;
    const plan = await readPlan(store, audit);
    if (plan) kept = plan;
    return plan;
  };
}
