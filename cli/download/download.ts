import { createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { ApiClient, AuditStatus, Prediction, PredictionImage } from '../api-client.ts';
import type { Progress, Row } from '../progress.ts';
import { isOver } from '../watch.ts';
import { type Entry, entryOf, fileName } from './entries.ts';
import { galleryPage } from './gallery.ts';
import { AddressExpired, fetchFile } from './image-file.ts';
import { metadataLines } from './image-folder.ts';

export type Format = 'gallery' | 'imagefolder';

export interface DownloadOptions {
  format: Format;
  /** Images fetched at a time. */
  parallel: number;
  /** Whether to wait for the manifest of an audit that is over. */
  wait: boolean;
}

export interface Downloaded {
  folder: string;
  /** Files that were fetched now, and those that were there from before. */
  fetched: number;
  kept: number;
  bytes: number;
  /** Images that will never be there: no sound image, or not stored. */
  withheld: number;
  /** Images that are not there yet. */
  pending: number;
  failed: { file: string; error: string }[];
  over: boolean;
  manifest: boolean;
}

/** Where images lie in each format; the loader of imagefolder wants its metadata beside them. */
const IMAGES: Record<Format, string> = { gallery: 'images', imagefolder: 'train' };
const MANIFEST_WITHIN_MS = 10 * 60_000;
const PAUSE_MS = 2_000;

/**
 * Puts an audit into a folder. What is there and right is not fetched again, so that it can be broken off and
 * given again at any time.
 */
export async function downloadAudit(
  client: ApiClient,
  audit: string,
  folder: string,
  options: DownloadOptions,
  progress: Progress,
): Promise<Downloaded> {
  const status = await client.status(audit);
  const row = progress.row('predictions', status.predictions);
  const done: Downloaded = {
    folder,
    fetched: 0,
    kept: 0,
    bytes: 0,
    withheld: 0,
    pending: 0,
    failed: [],
    over: isOver(status),
    manifest: false,
  };
  await mkdir(join(folder, IMAGES[options.format]), { recursive: true });
  const entries = await fetchImages(client, audit, folder, options, row, done);
  if (options.format === 'imagefolder') await writeImageFolder(folder, entries);
  else {
    await writeLines(join(folder, 'SHA256SUMS'), checksumLines(entries));
    await writeLines(join(folder, 'index.html'), galleryPage(status, entries));
    done.manifest = await fetchManifest(client, status, folder, options.wait && done.over, progress);
  }
  return done;
}

async function fetchImages(
  client: ApiClient,
  audit: string,
  folder: string,
  { format, parallel }: DownloadOptions,
  row: Row,
  done: Downloaded,
): Promise<Entry[]> {
  const limit = pLimit(parallel);
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.page(audit, cursor);
    await Promise.all(
      page.predictions.flatMap((prediction) =>
        fetchPrediction(client, audit, join(folder, IMAGES[format]), prediction, limit, done),
      ),
    );
    for (const prediction of page.predictions) entries.push(entryOf(prediction, IMAGES[format]));
    row.update(entries.length, done.failed.length > 0 ? `(${done.failed.length} files failed)` : '');
    cursor = page.cursor;
  } while (cursor);
  return entries;
}

function fetchPrediction(
  client: ApiClient,
  audit: string,
  folder: string,
  prediction: Prediction,
  limit: ReturnType<typeof pLimit>,
  done: Downloaded,
): Promise<void>[] {
  return prediction.images.map(async (image) => {
    if (image.status === 'pending') done.pending++;
    else if (!image.url) done.withheld++;
    else
      await limit(async () => {
        const file = fileName(prediction.n, image.index, image.contentType);
        try {
          const isNew = await fetchImage(client, audit, join(folder, file), prediction.n, image);
          if (isNew) done.fetched++;
          else done.kept++;
          done.bytes += image.bytes ?? 0;
        } catch (error) {
          done.failed.push({ file, error: (error as Error).message });
        }
      });
  });
}

/** An address lives for an hour at least; of a very slow download some may expire, and are asked for again. */
async function fetchImage(
  client: ApiClient,
  audit: string,
  path: string,
  n: number,
  image: PredictionImage,
): Promise<boolean> {
  const expected = { sha256: image.sha256 ?? '', bytes: image.bytes ?? 0 };
  try {
    return await fetchFile(image.url!, path, expected);
  } catch (error) {
    if (!(error instanceof AddressExpired)) throw error;
    const { predictions } = await client.page(audit, String(n).padStart(5, '0'), 1);
    const fresh = predictions[0]?.images.find(({ index }) => index === image.index)?.url;
    if (!fresh) throw new Error('it cannot be seen any more');
    return fetchFile(fresh, path, expected);
  }
}

/** The lines that `sha256sum --check` reads. */
function* checksumLines(entries: Entry[]): Generator<string> {
  for (const { images } of entries)
    for (const { file, sha256 } of images) if (file) yield `${sha256}  ${file}\n`;
}

async function writeImageFolder(folder: string, entries: Entry[]): Promise<void> {
  const factors = Object.keys(entries.find((entry) => entry.factors)?.factors ?? {});
  await writeLines(join(folder, IMAGES.imagefolder, 'metadata.jsonl'), metadataLines(entries, factors));
}

/** Written beside and renamed: a page is whole or not there. */
async function writeLines(path: string, lines: Iterable<string>): Promise<void> {
  await writeFile(`${path}.part`, lines);
  await rename(`${path}.part`, path);
}

/** @returns whether both manifests are in the folder now */
async function fetchManifest(
  client: ApiClient,
  status: AuditStatus,
  folder: string,
  wait: boolean,
  progress: Progress,
): Promise<boolean> {
  const until = Date.now() + (wait ? MANIFEST_WITHIN_MS : 0);
  const row = progress.row('manifest', 2);
  for (const [index, format] of (['json', 'csv'] as const).entries()) {
    let url = await client.manifestUrl(status.id, format);
    while (!url && Date.now() < until) {
      row.update(index, 'it is written some minutes after the last prediction');
      await setTimeout(PAUSE_MS);
      url = await client.manifestUrl(status.id, format);
    }
    if (!url) return false;
    const path = join(folder, `manifest.${format}`);
    const response = await fetch(url);
    if (!response.ok || !response.body)
      throw new Error(`the manifest cannot be had: the storage answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(`${path}.part`));
    await rename(`${path}.part`, path);
    row.update(index + 1);
  }
  return true;
}
