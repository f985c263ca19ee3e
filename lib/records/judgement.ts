import { dependsOnMachine, type FormatName, NAMES, REASONS, type Reason } from '../images/verdict.ts';
import type { ObjectStore } from '../ports.ts';
import { cellJudgementsPrefix, cellName, judgementsPrefix, parseCellName } from './keys.ts';

/** What `tag` found an image to be. Only `ok` ones are ever shown. */
export interface Judgement {
  status: 'ok' | 'quarantined';
  format: FormatName;
  /** In pixels; 0 where that is not known. */
  width: number;
  height: number;
  /** What only a decoder knows; undefined in records that are older than the decoder. */
  decoded?: Decoded;
}

/** What the decoder found of an image beside its format and size. An `ok` image has a rendition too. */
export interface Decoded {
  /** Of the decoder. */
  version: number;
  /** Undefined if the image is `ok`. */
  reason?: Reason;
  animated: boolean;
  alpha: boolean;
  /** Whether it carries a C2PA manifest. Nothing is said about its validity. */
  c2pa: boolean;
  blank: boolean;
}

/** Judgements of a cell's images, by their index. */
export type Judgements = Map<number, Judgement>;

/** Replaces the judgement of a purged image. It holds whatever else is said of the image. */
export const PURGED: Judgement = {
  ...{ status: 'quarantined', format: 'unknown', width: 0, height: 0 },
  decoded: { version: 0, reason: 'purged', animated: false, alpha: false, c2pa: false, blank: false },
};

/** Images in one record: those whose indexes have the same quotient. Eight take at most 559 of the 1,024 bytes that a key may have. */
export const IMAGES_A_RECORD = 8;
/** In no part of a judgement, and among the characters that S3 calls safe in a key. */
const SEPARATOR = '_';
const FACTS = { a: 'animated', t: 'alpha', c: 'c2pa', b: 'blank' } as const;
const LETTERS = Object.keys(FACTS) as (keyof typeof FACTS)[];
/** Stands where there is no fact, or no reason. */
const NONE = '-';
const ONE =
  /^(\d+)\.(ok|quarantined)\.([a-z0-9]+)\.(\d+)x(\d+)(?:\.(-|[atcb]+)\.(-|[a-z]+(?:-[a-z]+)*)\.d(\d+))?$/;

/** `<i>.<status>.<format>.<w>x<h>`, and of what was decoded `.<facts>.<reason>.d<version>`. */
function nameOf(index: number, { status, format, width, height, decoded }: Judgement): string {
  const name = `${index}.${status}.${format}.${width}x${height}`;
  if (!decoded) return name;
  const facts = LETTERS.filter((letter) => decoded[FACTS[letter]]).join('');
  return `${name}.${facts || NONE}.${decoded.reason ?? NONE}.d${decoded.version}`;
}

/** Undefined for a name that this version does not know. */
function parseName(name: string): [index: number, Judgement] | undefined {
  const [, index, status, format = '', width, height, facts, reason, version] = ONE.exec(name) ?? [];
  if (index === undefined || !Object.hasOwn(NAMES, format)) return undefined;
  if (facts !== undefined && reason !== NONE && !REASONS.includes(reason as Reason)) return undefined;
  const has = (letter: keyof typeof FACTS) => facts!.includes(letter);
  return [
    Number(index),
    {
      status: status as Judgement['status'],
      format: format as FormatName,
      width: Number(width),
      height: Number(height),
      ...(facts !== undefined && {
        decoded: {
          version: Number(version),
          ...(reason !== NONE && { reason: reason as Reason }),
          animated: has('a'),
          alpha: has('t'),
          c2pa: has('c'),
          blank: has('b'),
        },
      }),
    },
  ];
}

/**
 * The keys that record a cell's judgements, as empty objects: a LIST alone then tells what a page of cells needs,
 * and a cell costs one small PUT. An image's place alone decides which of the records it stands in, so that two
 * runs at once write the same ones.
 */
export function judgementKeys(audit: string, cell: number, found: Judgements): string[] {
  const records = new Map<number, string[]>();
  for (const [index, judgement] of [...found].sort(([one], [other]) => one - other)) {
    const record = Math.floor(index / IMAGES_A_RECORD);
    records.set(record, [...(records.get(record) ?? []), nameOf(index, judgement)]);
  }
  return [...records.values()].map((names) => `${cellJudgementsPrefix(audit, cell)}${names.join(SEPARATOR)}`);
}

/** The judgements that a key records, or undefined for any other key. */
export function parseJudgementKey(
  audit: string,
  key: string,
): { cell: number; found: Judgements } | undefined {
  const prefix = judgementsPrefix(audit);
  if (!key.startsWith(prefix)) return undefined;
  const [name = '', names = '', ...more] = key.slice(prefix.length).split('/');
  const cell = parseCellName(name);
  if (cell === undefined || more.length > 0) return undefined;
  const found: Judgements = new Map();
  for (const one of names.split(SEPARATOR)) {
    const parsed = parseName(one);
    if (!parsed) return undefined;
    found.set(...parsed);
  }
  return { cell, found };
}

/**
 * Which of two judgements of one image holds: the one with the higher number. A purge holds for good: a run of `tag`
 * that comes late must not bring the image back. A newer decoder knows better than an older one, and any decoder better
 * than none. What depends on the machine, such as "too slow", says little about the image: whatever a decoder of any
 * version found holds against it.
 */
function weight({ status, decoded }: Judgement): number {
  if (decoded?.reason === 'purged') return Number.POSITIVE_INFINITY;
  const isHidden = status === 'quarantined' ? 1 : 0;
  if (!decoded) return isHidden;
  return dependsOnMachine(decoded.reason) ? 2 : 4 + 2 * decoded.version + isHidden;
}

/** The one of two judgements of an image that holds. */
export const holding = (one: Judgement | undefined, other: Judgement): Judgement =>
  one && weight(one) >= weight(other) ? one : other;

/** Adds what a record tells to what others of its cell have told. */
export function addJudgements(known: Judgements, more: Judgements): void {
  for (const [index, judgement] of more) known.set(index, holding(known.get(index), judgement));
}

/** All that the records of a cell say of its images, also what does not hold, by LIST. */
export async function everyJudgement(
  store: ObjectStore,
  audit: string,
  cell: number,
): Promise<Map<number, Judgement[]>> {
  const said = new Map<number, Judgement[]>();
  for await (const { key } of store.list(cellJudgementsPrefix(audit, cell)))
    for (const [index, judgement] of parseJudgementKey(audit, key)?.found ?? [])
      said.set(index, [...(said.get(index) ?? []), judgement]);
  return said;
}

/** What `tag` found of the images of some cells, or of all, cell by cell, by LIST. */
export async function* judgementsByCell(
  store: ObjectStore,
  audit: string,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): AsyncGenerator<{ cell: number; found: Judgements }> {
  const prefix = judgementsPrefix(audit);
  // A record a cell, but for the few with many images; and one more, which tells that there is no other.
  const likely = to - from + 2;
  let open: { cell: number; found: Judgements } | undefined;
  for await (const { key } of store.list(prefix, `${prefix}${cellName(from)}`, likely)) {
    const record = parseJudgementKey(audit, key);
    if (!record) continue;
    if (record.cell > to) break;
    if (open?.cell === record.cell) addJudgements(open.found, record.found);
    else {
      if (open) yield open;
      open = record;
    }
  }
  if (open) yield open;
}

/** What `tag` found of the images of some cells, by cell. */
export async function listJudgements(
  store: ObjectStore,
  audit: string,
  from: number,
  to: number,
): Promise<Map<number, Judgements>> {
  const judged = new Map<number, Judgements>();
  for await (const { cell, found } of judgementsByCell(store, audit, from, to)) judged.set(cell, found);
  return judged;
}
