import { createHash } from 'node:crypto';
import type { Retention } from '../limits.ts';
import type { Price } from '../money/price.ts';
import type { ObjectStore } from '../ports.ts';
import { redactor } from '../replicate/secret-inputs.ts';
import { planKey } from './keys.ts';

export type { Retention };
export type Input = Record<string, unknown>;

/** One text that every model is asked for; factors are the values its template was filled with. */
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
  /** Names of its inputs that are secret: never sent, and redacted where Replicate shows them. Absent if there are none. */
  secrets?: string[];
  /** What a prediction costs, as it was known when the audit was accepted. Absent where nobody knew. */
  price?: Price;
}

/** What was accepted: `audits/<a>/audit.json`. It is written once and is the evidence of what was asked. */
export interface Plan {
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
  prompts: Prompt[];
  models: PlannedModel[];
  /** Inputs for every model. */
  input: Input;
  cells: number;
  /** Dollars that the request allowed at most. */
  maxCost?: number;
}

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
  /** The seed of this sample, the same for all prompts and models. */
  seed: number;
}

/** Every prompt with every model with every sample, in this order. */
export const countCells = (plan: { prompts: unknown[]; models: unknown[]; samples: number }): number =>
  plan.prompts.length * plan.models.length * plan.samples;

/** The place of a cell's model among the audit's. @param models how many there are */
export const modelPlace = ({ samples, models }: { samples: number; models: number }, n: number): number =>
  Math.floor(n / samples) % models;

/** The model of a cell, without what the rest of the cell takes: its seed is a hash. */
export const modelAt = ({ samples, models }: Pick<Plan, 'samples' | 'models'>, n: number): PlannedModel =>
  models[modelPlace({ samples, models: models.length }, n)]!;

/** The cell numbered n: `((prompt × models) + model) × samples + sample`. */
export function cellAt(plan: Plan, n: number): Cell {
  const sample = n % plan.samples;
  const model = modelAt(plan, n);
  const prompt = plan.prompts[Math.floor(n / plan.samples / plan.models.length)];
  if (!model || !prompt) throw new RangeError(`audit ${plan.id} has no cell ${n}`);
  return { n, prompt, model, sample, seed: seedOf(plan.seed, sample, plan.seeds) };
}

/** 31 bits: models with a signed 32-bit seed take them as well as those with an unsigned one. */
export const SEEDS: SeedRange = { least: 0, most: 2 ** 31 - 1 };

/**
 * A seed for each sample, derived from the audit's.
 * @param range where some models take fewer seeds: then samples are spread evenly over it, so that none has the seed of
 *   another, nor one of the few behind it, which some models use for the further images of a prediction
 */
export function seedOf(seed: number, sample: number, range?: SeedRange): number {
  if (!range) return hash31(`${seed}/${sample}`);
  const size = range.most - range.least + 1;
  let step = Math.max(1, Math.round(size * GOLDEN));
  while (divisor(step, size) > 1) step++;
  return range.least + ((hash31(String(seed)) + sample * step) % size);
}

const hash31 = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0) >>> 1;
/** Steps of this share of a circle leave the widest gaps between all points. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** The greatest common divisor. With a step that has none with the size, all places are taken before one is taken again. */
const divisor = (one: number, other: number): number => (other === 0 ? one : divisor(other, one % other));

/** Removes the secrets of a cell from what Replicate says about it. */
export const cellRedactor = (plan: Plan, { model }: Cell, ...echoed: (Input | null | undefined)[]) =>
  redactor(model.secrets, plan.input, model.input, ...echoed);

/** A plan as it is shown and listed in the manifest. Older plans can hold secrets. */
export function shownPlan({ request: _request, ...plan }: Plan): Omit<Plan, 'request'> {
  const models = plan.models.map((model) => ({
    ...model,
    input: redactor(model.secrets, model.input)(model.input),
  }));
  const secrets = plan.models.flatMap((model) => model.secrets ?? []);
  return { ...plan, models, input: redactor(secrets, plan.input)(plan.input) };
}

/** What Replicate is sent for a cell. A seed only goes to models that know one, or do not say. */
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
}

/** The size of an audit without its plan, which may have megabytes; undefined where there is none. */
export async function readSize(store: ObjectStore, audit: string): Promise<Size | undefined> {
  const head = await store.head(planKey(audit));
  if (!head) return undefined;
  const { predictions } = head.metadata;
  const cells = predictions === undefined ? (await readPlan(store, audit))?.cells : Number(predictions);
  return cells === undefined ? undefined : { id: audit, cells, acceptedAt: head.modified };
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
