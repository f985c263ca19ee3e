import type { Counts, ImageCounts } from '../contract/answers.ts';
import { countedAs, countImages } from '../contract/counted.ts';
import type { Head, ObjectStore } from '../ports.ts';
import { listJudgements } from '../records/judgement.ts';
import { bindingsPrefix, manifestKey, markersPrefix, resultsPrefix } from '../records/keys.ts';
import { type CellObject, listCells } from '../records/progress.ts';
import { type Outcome, parseMarker } from '../records/result.ts';

/** How far an audit has come. */
export interface Progress {
  counts: Counts;
  /** Undefined for an audit that finished before manifests had these counts: that is not zero. */
  images: ImageCounts | undefined;
  /** Whether the manifest is written. */
  manifest: boolean;
}

/** Cells that one LIST covers if each has one object: S3 returns at most 1,000 keys, and the last shows the end. */
const CHUNK = 999;

/** What `read` finds of all cells, by parts that are read in parallel. */
async function inParts<T>(cells: number, read: (from: number, to: number) => Promise<T[]>): Promise<T[]> {
  const parts = Array.from({ length: Math.ceil(cells / CHUNK) }, (_, part) =>
    read(part * CHUNK, Math.min(cells, (part + 1) * CHUNK) - 1),
  );
  return (await Promise.all(parts)).flat();
}

/** All objects under a prefix whose names start with the number of a cell. */
const cellsUnder = (store: ObjectStore, audit: string, prefix: string, cells: number) =>
  inParts(cells, async (from, to) => {
    const found: CellObject[] = [];
    for await (const object of listCells(store, prefix, { audit, from, to })) found.push(object);
    return found;
  });

/**
 * Counts an audit's cells and images by LISTs alone. Counts follow the results: what a writer left that was not the one
 * to create the result counts for nothing. Its images are the exception if they were judged: only results tell them
 * apart, so that the manifest may count fewer. The LISTs are not simultaneous: a cell that finishes between two of them
 * is counted with its old or its new status.
 */
export async function countProgress(store: ObjectStore, audit: string, cells: number): Promise<Progress> {
  const written = await store.head(manifestKey(audit, 'json'));
  if (written) return { ...countsOf(written), manifest: true };
  const ended = async () => {
    const results = await cellsUnder(store, audit, resultsPrefix(audit), cells);
    // Afterwards: a marker is older than its result, so that each result that was listed has its marker in this LIST.
    return [results, await cellsUnder(store, audit, markersPrefix(audit), cells)] as const;
  };
  const [bound, [results, markers], judged] = await Promise.all([
    cellsUnder(store, audit, bindingsPrefix(audit), cells),
    ended(),
    inParts(cells, async (from, to) => [...(await listJudgements(store, audit, from, to))]),
  ]);
  const sizes = new Map(results.map(({ cell, bytes }) => [cell, bytes]));
  const asked = new Set([...bound.map(({ cell }) => cell), ...sizes.keys()]).size;
  const counts: Counts = {
    waiting: cells - asked,
    running: asked - sizes.size,
    succeeded: sizes.size,
    failed: 0,
    refused: 0,
    canceled: 0,
  };
  const images = countImages([]);
  const outcomes = new Map<number, Outcome>();
  for (const { cell, rest } of markers) {
    const outcome = parseMarker(rest, sizes.get(cell));
    if (outcome) outcomes.set(cell, outcome);
  }
  for (const outcome of outcomes.values()) {
    counts.succeeded--;
    counts[outcome.status]++;
    images.filtered += outcome.filtered;
    images.lost += outcome.lost;
  }
  for (const [cell, found] of judged)
    if (sizes.has(cell))
      for (const { status, decoded } of found.values()) images[countedAs(status, decoded?.blank)]++;
  return { counts, images, manifest: false };
}

/** A finished audit has its counts in the metadata of its manifest: one HEAD instead of many LISTs. */
export function countsOf({ metadata }: Head): Pick<Progress, 'counts' | 'images'> {
  const count = (name: string) => Number(metadata[name] ?? 0);
  return {
    counts: {
      waiting: 0,
      running: 0,
      succeeded: count('succeeded'),
      failed: count('failed'),
      refused: count('refused'),
      canceled: count('canceled'),
    },
    images:
      metadata.ok === undefined
        ? undefined
        : {
            ok: count('ok'),
            blank: count('blank'),
            quarantined: count('quarantined'),
            lost: count('lost'),
            filtered: count('filtered'),
          },
  };
}
