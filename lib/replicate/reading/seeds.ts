/** A number, or the decimal digits of a seed that a number would not hold exactly. */
export type Seed = number | string;

export interface SeedReading {
  /** The seed of the first image. Absent if the log names a seed that cannot be read, or several without saying which was used. */
  seed?: Seed;
  /** All seeds that are named, without repetitions, in order. */
  named: Seed[];
  /** The line that names it. */
  words: string;
}

/** Words that a name may have beside `seed`, as in `torch.manual_seed` and `noiseSeed`. Others (`max_seed`, `seedream`) mean something else. */
const QUALIFIERS = new Set(
  'random rand rnd prng effective resolved chosen selected applied new manual global np torch cuda rng noise generator base initial init image sampler current used using actual set everything all fixed main master latent batch input user original value val number int id the'.split(
    ' ',
  ),
);
/** The word itself; as a verb (`seeding the generator with 5`) only where a word leads to the number. */
const SEED = /^seed(?:s|ed|ing)?$/;
const VERB = /seed(?:ed|ing)$/i;
const NOT_IN_USE = /\b(?:max|maximum|min|minimum|sub|variation|number of|sesame|poppy)[ _-]*$/i;
const DRAWN =
  /\b(?:using|with|pick(?:ed|ing)|drew|chose|selected|generat\w+)[ \t]+(?:an?[ \t]+|new[ \t]+)*random[ _-]?$/i;
const IN_USE =
  /\b(?:us(?:e|ed|es|ing)|set(?:ting)?|with|global|manual|generat\w+|random\w*|actual|chosen|picked)\b/i;

/** The index of one of several seeds, as in `seed[1] = 5`. */
const INDEX = /[ \t]*[#[(]?\d{1,3}[\])]?[ \t]*(?=[:=])/y;
/** Everything between the name and the number. */
const GAP =
  /(?:[ \t"'`*_:=#|()[\]{}<>→←⟶⇒➜]|-+>|[-–—](?=[ \t])|(?<=[:=][ \t]*)\n(?=[ \t]*\d+[ \t]*$)|\bno\.|\b(?:for (?:image|output|sample|batch|item) #?\d+|for|this|that|run|image|output|generation|the|generator|sampler|is|was|has|been|set|to|at|as|of|used|using|value|number|now|int|random|randomly|fixed|generated|chosen|picked|drawn|with|initialized|being|tensor|array|torch\.\w+|np\.\w+|numpy\.\w+)\b)*/imy;
const NUMBER = /([-−]?)(0x[0-9a-f]+|\d{1,3}(?:,\d{3})+(?!,?\d)|\d[\d_]*)(?:\.0+)?(?![\w%]|[.-]\d)/iy;
const MORE = /[ \t]*,[ \t]*(\d+)(?![\w%]|[.-]\d)/y;
const TOKEN = /[^\s,;)}\]"']{1,40}/y;
/** `No seed given, using 5`, `seed is None, so 5 is used`: the number that is used instead. */
const INSTEAD =
  /[^\n\d]{0,60}\b(?:using|generat\w+|pick(?:ed|ing)|chose|drew|defaulting to|falling back to|setting (?:it )?to)\b[^\n\w-]{0,4}(?:random[ \t:=]+)?(\d+)(?![\w%]|[.-]\d|[ \t]*(?:steps?|images?|samples?|gpus?|iterations?|outputs?|seconds?)\b)|[^\n\d]{0,30}\b(\d+) (?:is|was|will be) used\b/iy;
/** `-1 -> 5`: a random seed was requested, and this one drawn. */
const RESOLVED = /[ \t]*(?:-+>|=>|[→⟶⇒➜])[ \t]*(\d+)(?![\w%]|[.-]\d)/y;
const UNSAID = /\b(?:none|null|nil|undefined|nan|random\w*|auto|unknown|hidden)\b/i;
const MAX_DIGITS = 40;

interface Statement {
  seeds: Seed[];
  inUse: boolean;
  words: string;
}

/**
 * Finds the seed that a log names, in any spelling. A negative number requests a random seed and is not one.
 * @param log without the prompt
 * @param images the number of images: several seeds in order are then one for each image
 * @returns undefined if the log names no seed
 */
export function readSeed(log: string, images: number): SeedReading | undefined {
  const statements = statementsOf(log);
  const readable = statements.filter(({ seeds }) => seeds.length > 0);
  const [first] = readable.length > 0 ? readable : statements;
  if (!first) return undefined;
  const named = distinct(readable.flatMap(({ seeds }) => seeds));
  // If the log repeats the input and names the seed in use, the latter counts.
  const used = readable.filter(({ inUse }) => inUse);
  const candidates = distinct((used.length > 0 ? used : readable).flatMap(({ seeds }) => seeds));
  const inOrder = images > 1 || readable.some(({ seeds }) => seeds.length > 1);
  return {
    ...(candidates.length === 1 || (candidates.length > 1 && inOrder) ? { seed: candidates[0]! } : {}),
    named,
    words: (used[0] ?? first).words,
  };
}

const distinct = (seeds: Seed[]): Seed[] => [...new Set(seeds)];

function statementsOf(log: string): Statement[] {
  const statements: Statement[] = [];
  for (const { index, 0: word } of log.matchAll(/seed|种子/gi)) {
    const before = log.slice(Math.max(0, index - 80), index);
    const prefix = /[\w.-]*$/.exec(before)![0];
    const suffix = word === '种子' ? word : /^[\w-]*/.exec(log.slice(index, index + 60))![0];
    if (word !== '种子' && !isSeedName(prefix + suffix)) continue;
    const line = log.lastIndexOf('\n', index) + 1;
    const lead = before.slice(0, before.length - prefix.length).slice(line - index);
    if (NOT_IN_USE.test(lead)) continue;
    const statement = statementAt(log, index + suffix.length, lead, prefix + suffix);
    if (!statement) continue;
    const end = log.indexOf('\n', index);
    statements.push({
      ...statement,
      words: log
        .slice(line, end === -1 ? undefined : end)
        .trim()
        .slice(0, 200),
    });
  }
  return statements;
}

export function isSeedName(name: string): boolean {
  const parts = name
    .replace(/^.*\.(?=.)/, '')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[._-]+/)
    .filter((part) => part !== '');
  return (
    parts.some((part) => SEED.test(part)) &&
    parts.every((part) => SEED.test(part) || /^\d{1,3}$/.test(part) || QUALIFIERS.has(part))
  );
}

function statementAt(
  log: string,
  end: number,
  lead: string,
  name: string,
): Omit<Statement, 'words'> | undefined {
  const index = match(INDEX, log, end);
  const attempts = index ? [end + index[0].length, end] : [end];
  for (const from of attempts) {
    const gap = match(GAP, log, from)?.[0] ?? '';
    if (VERB.test(name) && !/\b(?:with|to)\b|[:=]/i.test(gap)) return undefined;
    const at = from + gap.length;
    const value = match(NUMBER, log, at);
    // A number without anything between it and the name is part of the name.
    if (value && (gap !== '' || value[1] !== '')) {
      if (value[1] !== '') {
        const drawn = match(RESOLVED, log, at + value[0].length);
        return drawn ? { seeds: seedsOf([drawn[1]!]), inUse: true } : undefined;
      }
      const inUse = IN_USE.test(`${lead} ${name.replaceAll('_', ' ')} ${gap}`);
      return { seeds: seedsFrom(log, at, value, /seeds|[[(]/i.test(name + gap)), inUse };
    }
    if (from !== end) continue;
    const token = match(TOKEN, log, at)?.[0] ?? '';
    const unsaid = UNSAID.test(`${gap} ${token}`) || DRAWN.test(lead);
    const instead =
      unsaid || /\b(?:no|without)\b/i.test(lead) || /^[^\n\d]{0,20}\bnot?\b/i.test(log.slice(end, end + 30))
        ? match(INSTEAD, log, end)
        : undefined;
    if (instead) return { seeds: seedsOf([(instead[1] ?? instead[2])!]), inUse: true };
    const named = /[:=→←>]/.test(gap)
      ? token !== '' || unsaid
      : /\b(?:to|is|was)\b/i.test(gap) && UNSAID.test(`${gap} ${token}`);
    if (named || DRAWN.test(lead)) return { seeds: [], inUse: false };
  }
  return undefined;
}

function seedsFrom(log: string, at: number, value: RegExpExecArray, isList: boolean): Seed[] {
  const text = value[2]!;
  if (!isList) return seedsOf([text.replaceAll(/[,_]/g, '')]);
  const texts = text.startsWith('0x') ? [text] : text.replaceAll('_', '').split(',');
  let end = at + value[0].length;
  for (let more = match(MORE, log, end); more && texts.length < 100; more = match(MORE, log, end)) {
    texts.push(more[1]!);
    end += more[0].length;
  }
  return seedsOf(texts);
}

const seedsOf = (texts: string[]): Seed[] =>
  texts
    .filter((text) => text.length <= MAX_DIGITS)
    .map((text) => {
      const exact = BigInt(text);
      return exact <= Number.MAX_SAFE_INTEGER ? Number(exact) : String(exact);
    });

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
