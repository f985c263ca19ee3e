import type { Plan } from '../api/types.ts';

/** What of an audit's plan says what it has in common with others. */
export interface Comparable {
  /** Of its prompts, each once. */
  texts: readonly string[];
  models: readonly string[];
  /** Audits with an equal one give a prompt the same seeds; undefined for one that requested nothing. */
  seed: string | undefined;
}

export const comparableOf = ({ prompts, models, seed, version }: Plan): Comparable => ({
  texts: prompts.map(({ text }) => text),
  models: models.map(({ model }) => model),
  seed: seed === undefined ? undefined : `${version ?? 1} ${seed}`,
});

/** What an audit of a study has in common with others. */
export interface Common {
  /** How many of its prompts other audits have, too. */
  prompts: number;
  /** How many other audits have one of these. */
  audits: number;
  /** Those that requested the same of one of its models, with the same seeds: they repeat samples, and add none. */
  repeated: string[];
}

/**
 * What several audits have in common.
 * @param audits by id
 * @returns by id; those that have no prompt in common with others are absent
 */
export function commonPrompts(audits: ReadonlyMap<string, Comparable>): Map<string, Common> {
  const having = new Map<string, string[]>();
  for (const [id, { texts }] of audits)
    for (const text of texts) {
      const before = having.get(text);
      if (before) before.push(id);
      else having.set(text, [id]);
    }
  const found = new Map<string, Common>();
  for (const [id, own] of audits) {
    const shared = own.texts.filter((text) => having.get(text)!.length > 1);
    if (shared.length === 0) continue;
    const others = new Set(shared.flatMap((text) => having.get(text)!));
    others.delete(id);
    const repeats = (other: Comparable) =>
      own.seed !== undefined &&
      other.seed === own.seed &&
      other.models.some((model) => own.models.includes(model));
    const repeated = [...others].filter((other) => repeats(audits.get(other)!));
    found.set(id, { prompts: shared.length, audits: others.size, repeated });
  }
  return found;
}
