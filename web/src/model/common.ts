/** Prompts that an audit of a study has in common with others. */
export interface Common {
  /** How many of its prompts other audits have, too. */
  prompts: number;
  /** How many other audits have one of these. */
  audits: number;
}

/**
 * What several audits have in common.
 * @param texts by audit, the texts of its prompts, each once
 * @returns by audit; those that have nothing in common with others are absent
 */
export function commonPrompts(texts: ReadonlyMap<string, readonly string[]>): Map<string, Common> {
  const audits = new Map<string, string[]>();
  for (const [audit, own] of texts)
    for (const text of own) {
      const having = audits.get(text);
      if (having) having.push(audit);
      else audits.set(text, [audit]);
    }
  const found = new Map<string, Common>();
  for (const [audit, own] of texts) {
    const shared = own.filter((text) => audits.get(text)!.length > 1);
    if (shared.length === 0) continue;
    const others = new Set(shared.flatMap((text) => audits.get(text)!));
    found.set(audit, { prompts: shared.length, audits: others.size - 1 });
  }
  return found;
}
