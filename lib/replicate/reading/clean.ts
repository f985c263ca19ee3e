import { stripVTControlCharacters } from 'node:util';

/** Replaces the words of a prompt. It is not a letter, a digit or a quote, so no rule matches across it. */
export const PROMPT = '\u{fffc}';

/** This many words in a row are a repetition of a prompt; fewer may be the model's own. */
const RUN = 4;
const MAX_LINES = 50;
/** An escaped line break. A quotation continues after it. */
const ESCAPED_LINE = '\u{2028}';

/** A color whose escape character was lost or written out. */
const COLOR = /(?:\\(?:x1b|u001b|033|e))?\[[0-9;]{0,20}m/gi;
/** Frames of Python, with the line of code under each, and of JavaScript. The error that was thrown is not part of them. */
const FRAMES =
  /^[ \t|]*File "[^"\n]*", line \d+[^\n]*\n(?:[ \t|]+[^\n]*(?:\n|$))*|^[ \t]+at [^\n]*$|^[^\n]*(?:Traceback \(most recent call last\)|During handling of the above exception|The above exception was the direct cause)[^\n]*$/gm;
/**
 * A quotation after a word for prompt, unless a verb between them says what was wrong. What follows `"inputs": {` is the
 * name of a member. An apostrophe does not end a quotation.
 */
const QUOTED =
  /((?:prompt|caption|query|["']input(?!s?["']\s*:\s*\{)|["']text)s?["'`]?(?:(?!reject|block|flag|refus|violat|deni|moderat|filter|declin|fail|reason|because|code|error|message|status|with)[^"'`\n.]){0,60}(?<![\p{L}\p{N}]))(["'`])(?:\\.|[^\\\n]){0,4000}?\2(?![\p{L}\p{N}])/giu;
/** `for prompt: …`: the rest of the line is a prompt, perhaps not the one that was sent. */
const PREPOSED =
  /(\b(?:for|with|using|encod\w+|process\w*|pars\w+|tokeni\w+)(?: \w+){0,2} prompts?["']?[ \t]*[:=])([^\n]*)$/gim;
/** A line of a log that starts with a label for a prompt, and the warning of CLIP that quotes what it cut off. */
const LABELED =
  /^([^\p{L}\n]{0,60}(?:(?:info|debug|warn(?:ing)?|error|root|__main__|predict)\b[^\p{L}\n]{0,30}){0,3}(?:(?:the|your|my|with|using|for|input|user|text|image|style|base|system|positive|negative|original|final|full|new|enhanced|expanded|improved|revised|rewritten|refined|upsampled|optimized|processed|translated|magic)[ _-]){0,3}prompts?(?:[ _-]?\d)?[ \t]*(?:\([^)\n]{0,40}\))?["']?[ \t]*(?:[:=]|->)|[^\n]*part of your input was truncated)([^\n]*)$/gimu;
/** Quick checks: most texts need none of the slow patterns above. */
const NAMES_PROMPT = /prompt|caption|query|["'](?:input|text)|was truncated/i;
const HAS_FRAMES = /Traceback|File "|^[ \t]+at |above exception/m;

const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{M}\p{N}]+/gu;
const wordsOf = (text: string): string[] => text.toLowerCase().match(WORD) ?? [];

/**
 * Returns a function that removes from a text of a model what is not its own: colors, frames of tracebacks, and the
 * prompt, however it is repeated (whole or cut short, quoted, escaped, in another case, over several lines). A prompt
 * of one to three words is only removed where quotes, a label or a line of its own set it apart: "nude" in "nude
 * content was found" is the model's word.
 * @param sent every text that the model was sent
 * @returns `isLog`: a line that starts with `Prompt:` is then a prompt, perhaps a rewritten one. In an error, such a
 *   line may say what is wrong with the prompt.
 */
export function cleaner(sent: string[]): (text: string, isLog: boolean) => string {
  const echoes = echoesOf(sent);
  return (text, isLog) => {
    if (text === '') return '';
    // Before quotations: a prompt may start with one, which is only a part of it.
    let own = withoutEchoes(unescaped(printed(text).replace(COLOR, '')), echoes);
    if (NAMES_PROMPT.test(own)) own = own.replace(QUOTED, `$1${PROMPT}`);
    own = own.replaceAll(ESCAPED_LINE, '\n');
    if (HAS_FRAMES.test(own)) own = own.replace(FRAMES, '');
    if (!NAMES_PROMPT.test(own)) return own;
    // After a prompt that was recognized, the rest of the line is the model's own.
    for (const labels of isLog ? [PREPOSED, LABELED] : [PREPOSED])
      own = own.replace(labels, (line, label, rest) =>
        /^[\s"'`[({]*\ufffc/.test(rest) ? line : `${label}${PROMPT}`,
      );
    return own;
  };
}

/** The visible characters of a text, each written in one way. */
const printed = (text: string): string =>
  stripVTControlCharacters(text)
    .normalize('NFKC')
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, '');

/** Resolves escapes of JSON, Python and URLs; twice, for a text inside a text. */
function unescaped(text: string): string {
  let result = text;
  for (let pass = 0; pass < 2 && result.includes('\\'); pass++)
    result = result.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([^\n]))/gi, (_, unicode, byte, one) =>
      one === undefined
        ? String.fromCharCode(Number.parseInt(unicode ?? byte, 16))
        : /[nr]/.test(one)
          ? ESCAPED_LINE
          : one === 't'
            ? ' '
            : one,
    );
  return result.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

interface Echoes {
  /** The words of each prompt that is told by its words alone. */
  prompts: string[][];
  /** Each shorter one, where it is set apart. */
  short: RegExp[];
}

function echoesOf(sent: string[]): Echoes {
  const prompts: string[][] = [];
  const short = new Set<string>();
  for (const value of sent) {
    const words = wordsOf(unescaped(printed(value)));
    if (words.length >= RUN) prompts.push(words);
    for (const line of printed(value).split('\n', MAX_LINES)) {
      const few = wordsOf(line);
      if (few.length > 0 && few.length < RUN && /\p{L}/u.test(line))
        short.add(few.join('[^\\p{L}\\p{N}\\n]{1,8}'));
    }
  }
  const apart = (words: string) =>
    new RegExp(
      `(^|["'\`]|prompts?["'\`]?[ \\t]*[:=][ \\t]*)([^\\p{L}\\p{N}\\n]{0,8})${words}(?=[^\\p{L}\\p{N}\\n]{0,4}(?:$|["'\`](?!\\s*:)|[,;)\\]}|]))`,
      'gimu',
    );
  return { prompts, short: [...short].map(apart) };
}

function withoutEchoes(text: string, { prompts, short }: Echoes): string {
  return short.reduce(
    (own, apart) => own.replace(apart, `$1$2${PROMPT}`),
    prompts.length > 0 ? withoutLong(text, prompts) : text,
  );
}

/** Removes whole prompts, and then every run of words that occurs in one. */
function withoutLong(text: string, prompts: string[][]): string {
  const found = [...text.matchAll(WORD)];
  const words = found.map(([word]) => word.toLowerCase());
  /** The first and the last word of each echo. */
  const echoes: [number, number][] = [];
  const echoed = new Array<boolean>(words.length).fill(false);
  const joined = ` ${words.join(' ')} `;
  const wordAt = new Map<number, number>();
  for (let i = 0, at = 0; i < words.length; at += words[i]!.length + 1, i++) wordAt.set(at, i);
  const runs = new Set<string>();
  for (const prompt of prompts) {
    const whole = ` ${prompt.join(' ')} `;
    for (let at = joined.indexOf(whole); at !== -1; at = joined.indexOf(whole, at + whole.length - 1)) {
      const first = wordAt.get(at)!;
      if (echoed.slice(first, first + prompt.length).includes(true)) continue;
      echoes.push([first, first + prompt.length - 1]);
      echoed.fill(true, first, first + prompt.length);
    }
    for (let i = 0; i + RUN <= prompt.length; i++) runs.add(prompt.slice(i, i + RUN).join(' '));
  }
  // Not across a whole prompt: the model's next word may occur in the prompt too.
  for (let i = 0; i + RUN <= words.length; i++) {
    if (echoed.slice(i, i + RUN).includes(true) || !runs.has(words.slice(i, i + RUN).join(' '))) continue;
    const first = i;
    while (
      !echoed[i + RUN] &&
      i + 1 + RUN <= words.length &&
      runs.has(words.slice(i + 1, i + 1 + RUN).join(' '))
    )
      i++;
    echoes.push([first, i + RUN - 1]);
  }
  let own = '';
  let from = 0;
  for (const [first, last] of echoes.sort(([a], [b]) => a - b)) {
    if (found[first]!.index < from) continue;
    own += `${text.slice(from, found[first]!.index)}${PROMPT}`;
    from = found[last]!.index + found[last]![0].length;
  }
  return own + text.slice(from);
}
