/** What a line has that is worth reading: a log without any tells of no seed and of no filter. */
export const TELLING =
  /seed|种子|nsfw|safe|filter|flag|moderat|sensitiv|polic|block|reject|refus|prohibit|inappropriate|guideline|violat|censor/i;
