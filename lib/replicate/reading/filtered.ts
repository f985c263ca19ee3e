import { sentenceAt } from './refusals.ts';

export interface FilteredReading {
  /** As the text says it, not limited to what was requested. `Infinity` for all. */
  count: number;
  /** The sentence that says it. */
  words: string;
}

const THING = `(?:images?|outputs?|samples?|results?|pictures?|generations?|videos?)`;
const UNFIT = '(?:nsfw|unsafe|explicit|inappropriate|sensitive)';
const FAILED = `(?:did not pass|didn't pass|failed(?: to pass)?) (?:the |our )?(?:\\w+ )?(?:check|review|filter|moderation|screening)`;
const DROPPED = `(?:filtered|blocked|dropped|removed|flagged|censored|withheld|rejected|suppressed|discarded|skipped|excluded|hidden|moderated|refused|blacked out|(?:as |were |are |was |is )${UNFIT})`;
const NUMBER = String.raw`(\d{1,6}|no|none|zero|one|two|three|four|five|six|seven|eight|nine|ten|all)`;
const OF = String.raw`(?: ?(?:\/|out of|of)(?: the)? ?(\d{1,6}))?`;
const WORDS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** A sentence about a safety filter. Images are skipped and removed for other reasons too. */
const ABOUT_SAFETY =
  /nsfw|safe|moderat|sensitiv|polic|filter|inappropriate|explicit|prohibit|\brai|responsible|guideline|block|censor|flagged|violat|review/i;

/** Compiled when first needed: most logs do not mention safety. */
const patterns = once(() => ({
  /** The number of images left, and of all: `Total safe images: 3 out of 4`. Source: github.com/replicate/cog-flux predict.py. */
  left: [
    new RegExp(String.raw`\bsafe ${THING}\W{1,3}(\d{1,6}) ?(?:\/|out of|of) ?(\d{1,6})`, 'i'),
    /\bkept (\d{1,6}) ?(?:\/|out of|of)(?: the)? ?(\d{1,6})\b/i,
    new RegExp(
      String.raw`\b(\d{1,6}) ?(?:\/|out of|of)(?: the)? ?(\d{1,6}) ${THING}(?: (?:were|was|are|is|have|has))? ?(?:safe|passed|pass|ok|allowed|kept)\b`,
      'i',
    ),
  ],
  /** The number of images dropped. The first pattern that matches counts. */
  counted: [
    // github.com/replicate/cog-stable-diffusion predict.py
    new RegExp(
      String.raw`\b(?:detected|found|flagged|${UNFIT} content|${UNFIT} concepts?) (?:${UNFIT} content )?in ${NUMBER}${OF} (?:of the |of |\w+ )?${THING}\b`,
      'i',
    ),
    new RegExp(String.raw`\b${NUMBER}${OF} ${UNFIT} (?:\w+ )?${THING}\b`, 'i'),
    new RegExp(String.raw`\b${NUMBER}${OF} (?:\w+ ){0,2}${THING}\b(?: \w+){0,4} ${DROPPED}\b`, 'i'),
    new RegExp(String.raw`\b${DROPPED}(?: out)?:? ${NUMBER}${OF} (?:\w+ ){0,2}${THING}\b`, 'i'),
    new RegExp(String.raw`\b${DROPPED} ${THING}["']?\W{1,3}${NUMBER}\b`, 'i'),
    new RegExp(String.raw`\b${NUMBER}${OF} (?:\w+ ){0,2}${THING}\b ${FAILED}\b`, 'i'),
    // `3 of 4 images (1 filtered by …)`
    new RegExp(
      String.raw`(?<!\b${THING} #?)\b${NUMBER} (?:were |was )?(?:filtered|blocked|censored|withheld|flagged|moderated)(?: out)?(?= (?:by|for|due|because|as)\b|[,;)]|$)`,
      'i',
    ),
    new RegExp(String.raw`\b${NUMBER} (?:unsafe|nsfw)(?=[,;.)]|$)`, 'i'),
    new RegExp(String.raw`\b(?:filter|checker|moderation) ${DROPPED} ${NUMBER}(?=[,;.)]|$)`, 'i'),
    // A field: `num_nsfw=2`, `unsafe images: 2/4`, `images_filtered: 2`
    /\b(?:num_|n_|total_)?(?:nsfw|unsafe|flagged|filtered|blocked)(?:[_ ](?:count|total|images?|outputs?))*["']?\s?[:=]\s?["']?(\d{1,6})(?=["']?(?:[,;)}\]/]|$| of\b))/i,
    /\b(?:images?|outputs?)_(?:filtered|flagged|blocked)["']?\s?[:=]\s?["']?(\d{1,6})\b/i,
    // github.com/googleapis/python-genai: raiMediaFilteredCount
    /\b\w*filtered_?(?:media_?)?count["']?\s*[:=]\s*["']?(\d{1,6})\b/i,
  ],
  /** Images were dropped, without a number. */
  detected: new RegExp(
    String.raw`\b${UNFIT}[ _](?:content|concepts?|images?|material)? ?(?:was |were |has been )?(?:detected|found|flagged)|\b(?:potential|possible) nsfw|\bcontain(?:s|ed)? nsfw|\b(?:is_|has_)?nsfw\w*[\"']?\s?[:=]\s?[\"']?(?:true|yes)\b|\b(?:image|output|sample|picture) #?\d{1,4} ?(?:[:=]|->) ?(?:${UNFIT}|blocked|filtered|flagged|rejected)\b|\bOutputImage\w+Detected|\b(?:dropping|removing|skipping|withholding|discarding|hiding|blocking|filtering)(?: out)? (?:\w+ ){0,2}${THING}\b|(?<!\binput (?:or )?)\b${THING}\b(?: \w+){0,4} ${DROPPED}\b`,
    'i',
  ),
}));

/** One verdict for each image: `nsfw_content_detected=[False, True]`. Source: github.com/huggingface/diffusers pipelines. */
const VERDICTS = /\b(?:has_)?nsfw\w*["']?\s*[:=]\s*(?:tensor\()?\[([^\]\n]{0,2000})\]/i;
/** The index of an image: `NSFW content detected in image 3`. Source: github.com/replicate/cog-sdxl predict.py. */
const WHICH =
  /\b(?:in|for|of|skipping|dropping|removing|filtering)? ?(?:image|output|sample|picture|generation)(?:_?(?:index|idx|number)["']?[:=] ?|s? #?)((?:\d{1,4}(?:, ?| and | & )?)+)/i;
/** Indices after a colon: `Images flagged by the safety checker: [0, 2]`. */
const INDICES = /[:=] ?\[((?:\d{1,4}(?:, ?)?)+)\]/;
/** What an output says of one image. Source: docs.ideogram.ai is_image_safe, api.reve.com content_violation. */
const FLAG =
  /^(?:(?:is_)?(?:image_|output_)?safe: false|(?:is_|has_)?(?:nsfw|nsfw_\w+|content_violation|censored|moderated|blocked|flagged): true)$/i;
const ALL = /\ball (?:of )?(?:the )?(?:\w+ )?(?:images?|outputs?|samples?|results?)\b/i;
const DENIED =
  /\b(?:no|not|without|never|zero|isn't|wasn't|weren't)\b[^.\n]{0,40}\b(?:nsfw|unsafe|flagged|filtered|blocked|dropped|removed)|\bnsfw\w*(?: \w+){0,2}["']?\s*(?:[:=]|is|->)\s*["']?(?:false|no|none|not|0)\b|\bnsfw (?:check|filter)\w* (?:passed|ok)/i;

/**
 * Finds how many outputs the model's filter dropped. Each sentence is read by itself and the largest number counts, so a
 * sentence that a traceback repeats counts once.
 * @param log without the prompt
 * @param facts of the output, as lines of a log: each is of one image, so that repeated ones count each time
 * @returns undefined if neither mentions it
 */
export function readFiltered(log: string, facts: string[] = []): FilteredReading | undefined {
  const text = [log, ...facts].join('\n');
  if (!ABOUT_SAFETY.test(text)) return undefined;
  let most: FilteredReading | undefined;
  const which = new Set<number>();
  const hold = (count: number, at: number) => {
    if (!most || count > most.count) most = { count, words: sentenceAt(text, at) };
  };
  const flags = facts.filter((fact) => FLAG.test(fact));
  if (flags[0]) most = { count: flags.length, words: flags[0] };
  let at = 0;
  for (const line of text.split('\n')) {
    for (const sentence of line.split(/(?<=[.!?;]) +/)) {
      const says = countIn(sentence, which);
      if (says !== undefined) hold(says, at + Math.max(0, line.indexOf(sentence)));
    }
    at += line.length + 1;
  }
  return most;
}

/** The number in one sentence. Images that are named by their index are collected in `which`. */
function countIn(sentence: string, which: Set<number>): number | undefined {
  if (!ABOUT_SAFETY.test(sentence)) return undefined;
  const { left, counted, detected } = patterns();
  for (const pattern of left) {
    const [, safe, total] = pattern.exec(sentence) ?? [];
    if (safe !== undefined) return Math.max(0, Number(total) - Number(safe));
  }
  const verdicts = VERDICTS.exec(sentence)?.[1];
  if (verdicts !== undefined) return verdicts.match(/\btrue\b|(?<![\d.])1(?![\d.])/gi)?.length ?? 0;
  for (const pattern of counted) {
    const [, number] = pattern.exec(sentence) ?? [];
    if (number !== undefined) return numberOf(number);
  }
  if (DENIED.test(sentence)) return 0;
  if (!detected.test(sentence)) return undefined;
  const [, places] = INDICES.exec(sentence) ?? WHICH.exec(sentence) ?? [];
  if (places) {
    for (const place of places.match(/\d+/g) ?? []) which.add(Number(place));
    return which.size;
  }
  return ALL.test(sentence) ? Number.POSITIVE_INFINITY : 1;
}

function numberOf(word: string): number {
  const lower = word.toLowerCase();
  if (lower === 'all') return Number.POSITIVE_INFINITY;
  if (/^\d/.test(lower)) return Number(lower);
  return Math.max(0, WORDS.indexOf(lower));
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
