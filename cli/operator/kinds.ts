/** Kinds of dead letters; each has a queue of its own, `weaudit-<stage>-<kind>-dead`. */
export const DEAD_LETTER_KINDS = ['cells', 'tag', 'backup', 'metrics', 'reconcile'] as const;
export type DeadLetterKind = (typeof DEAD_LETTER_KINDS)[number];
