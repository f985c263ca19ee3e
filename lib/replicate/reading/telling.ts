/** Every line about a seed or a filter has one of these words. */
export const TELLING =
  /seed|种子|nsfw|safe|filter|flag|moderat|sensitiv|polic|block|reject|refus|prohibit|inappropriate|guideline|violat|censor|review/i;
