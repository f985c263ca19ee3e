import { createHash } from 'node:crypto';
import type { Retention } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
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
  samples: number;
  prompts: Prompt[];
  models: PlannedModel[];
  /** Inputs for every model. */
  input: Input;
  cells: number;
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

/** The cell numbered n: `((prompt × models) + model) × samples + sample`. */
export function cellAt(plan: Plan, n: number): Cell {
  const sample = n % plan.samples;
  const pair = Math.floor(n / plan.samples);
  const model = plan.models[pair % plan.models.length];
  const prompt = plan.prompts[Math.floor(pair / plan.models.length)];
  if (!model || !prompt) throw new RangeError(`audit ${plan.id} has no cell ${n}`);
  return { n, prompt, model, sample, seed: seedOf(plan.seed, sample) };
}

/**
 * A seed for each sample, derived from the audit's. 31 bits: the largest range that models with a signed
 * 32-bit seed accept as well as those with an unsigned one.
 */
export const seedOf = (seed: number, sample: number): number =>
  createHash('sha256').update(`${seed}/${sample}`).digest().readUInt32BE(0) >>> 1;

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
