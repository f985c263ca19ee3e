import type { Format, Size } from '../images/formats.ts';
import type { ObjectStore } from '../ports.ts';
import { cellJudgementsPrefix, cellName, judgementsPrefix, parseCellName } from './keys.ts';

/** What `tag` found an image to be. Only `ok` ones are ever shown. */
export interface Judgement extends Size {
  status: 'ok' | 'quarantined';
  format: Format | 'unknown';
}

/** Judgements of a cell's images, by their index. */
export type Judgements = Map<number, Judgement>;

/** Images in one record. Eight take at most 385 of the 1,024 bytes that a key may have. */
const IMAGES_A_RECORD = 8;
/** In no part of a judgement, and among the characters that S3 calls safe in a key. */
const SEPARATOR = '_';
const ONE = /^(\d+)\.(ok|quarantined)\.(png|jpeg|webp|gif|avif|unknown)\.(\d+)x(\d+)$/;

/**
 * The keys that record a cell's judgements, as empty objects: a LIST alone then tells what a page of cells needs,
 * and a cell costs one small PUT. An image's place alone decides which of the records it stands in, so that two
 * runs at once write the same ones.
 */
export function judgementKeys(audit: string, cell: number, found: Judgements): string[] {
  const records = new Map<number, string[]>();
  for (const [index, { status, format, width, height }] of [...found].sort(([one], [other]) => one - other)) {
    const record = Math.floor(index / IMAGES_A_RECORD);
    const name = `${index}.${status}.${format}.${width}x${height}`;
    records.set(record, [...(records.get(record) ?? []), name]);
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
    const [, index, status, format, width, height] = ONE.exec(one) ?? [];
    if (index === undefined) return undefined;
    found.set(Number(index), {
      status: status as Judgement['status'],
      format: format as Judgement['format'],
      width: Number(width),
      height: Number(height),
    });
  }
  return { cell, found };
}

/**
 * Adds what a record tells to what others of its cell have told. Where two disagree about an image, the one that
 * does not show it holds: a run of `tag` that comes late must not bring back what was purged meanwhile.
 */
export function addJudgements(known: Judgements, more: Judgements): void {
  for (const [index, judgement] of more)
    if (known.get(index)?.status !== 'quarantined') known.set(index, judgement);
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
