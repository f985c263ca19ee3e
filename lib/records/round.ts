import { createHmac } from 'node:crypto';
import type { Codebook, Contrast, Given } from '../contract/round-request.ts';
import type { Retention } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
import { readCodebook } from './codebook.ts';
import { deletedKey, roundDraftKey, roundKey } from './keys.ts';

/** A picture of a round. */
export interface Item {
  /** `<audit>/<cell>/<index>` of the image. */
  image: string;
  /** Its name for raters, from which nobody finds the image without the round's secret. */
  opaque: string;
}

/** A picture with its right answers, which raters see before the first. */
export interface PracticeItem extends Item {
  text: string;
  answers: Record<string, Given>;
}

/** What a rating round is: `rounds/<r>/round.json`. It is written once, when all pictures are copied, and never leaves whole. */
export interface RoundPlan {
  version: 1;
  id: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  /** Name of the API token that asked. */
  createdBy: string;
  /** The shortest of its audits. */
  retention: Retention;
  audits: string[];
  /** SHA-256 of the codebook. */
  codebook: string;
  /** Decides which pictures are rated, by whom, and in which order. */
  seed: number;
  /** What the names of pictures are made with. Only api and operators read it. */
  secret: string;
  /** Of each pair of prompt and model. */
  pictures: number | 'all';
  /** Raters of each picture. */
  ratings: number;
  /** Pictures that each rater sees twice. */
  repeats: number;
  slots: number;
  practice: PracticeItem[];
  consent: string;
  notice: string;
  /** What is primary, as it was named before the first label. */
  contrasts: Contrast[];
  exclusions: string;
  /** In the order of their opaque names. */
  items: Item[];
}

/** The name of an image for raters of a round. @param image `<audit>/<cell>/<index>` */
export const opaqueName = (secret: string, image: string): string =>
  createHmac('sha256', secret).update(image).digest('hex').slice(0, 32);

/** A round with its codebook. */
export interface OpenRound {
  plan: RoundPlan;
  codebook: Codebook;
}

/** The plan of a round; undefined where there is none, or its pictures are not copied yet. */
export const readRound = async (store: ObjectStore, round: string): Promise<RoundPlan | undefined> =>
  (await store.readJson<RoundPlan>(roundKey(round)))?.value;

/** The plan of a round whose pictures may not be copied yet. */
export const readDraft = async (store: ObjectStore, round: string): Promise<RoundPlan | undefined> =>
  (await store.readJson<RoundPlan>(roundDraftKey(round)))?.value;

/** Whether a round was deleted, or one of its audits, which takes it along. */
export const isRoundDeleted = async (
  store: ObjectStore,
  { id, audits }: Pick<RoundPlan, 'id' | 'audits'>,
): Promise<boolean> =>
  (await Promise.all([id, ...audits].map((one) => store.exists(deletedKey(one))))).includes(true);

/**
 * Keeps the round that was read last: a process mostly works for the raters of one, and neither its plan nor its codebook
 * ever changes. That it was deleted is looked for each time: a process may keep a round long after nothing is left of it.
 * @returns for a store a reader of its rounds; all readers share what is kept
 */
export function roundKeeper(): (store: ObjectStore) => (round: string) => Promise<OpenRound | undefined> {
  let kept: OpenRound | undefined;
  return (store) => async (round) => {
    if (kept?.plan.id === round) return (await isRoundDeleted(store, kept.plan)) ? undefined : kept;
    const plan = await readRound(store, round);
    if (!plan) return undefined;
    const [codebook, isDeleted] = await Promise.all([
      readCodebook(store, plan.codebook),
      isRoundDeleted(store, plan),
    ]);
    if (isDeleted) return undefined;
    kept = { plan, codebook };
    return kept;
  };
}
