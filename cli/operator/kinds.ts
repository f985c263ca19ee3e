/** Kinds of dead letters. Each has its own queue, `weaudit-<stage>-<kind>-dead`. */
export const DEAD_LETTER_KINDS = ['cells', 'polls', 'tag', 'backup', 'metrics', 'reconcile'] as const;
export type DeadLetterKind = (typeof DEAD_LETTER_KINDS)[number];
