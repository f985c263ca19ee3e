import { createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout } from 'node:timers/promises';
import pLimit from 'p-limit';
import { factorNames } from '../../lib/audits/rows.ts';
import type { AuditStatus, Prediction, PredictionImage, RoundEntry } from '../../lib/contract/answers.ts';
import { type Entry, entryOf, IMAGES, THUMBNAILS, thumbnailName } from '../../lib/download/entries.ts';
import { galleryPage } from '../../lib/download/gallery.ts';
import { roundFiles } from '../../lib/download/rounds.ts';
import { SUMS, sumLines } from '../../lib/download/sums.ts';
import { fileName } from '../../lib/image-file.ts';
import type { ApiClient } from '../api-client.ts';
import { CommandError, createFolder, EXIT } from '../exit.ts';
import type { Progress, Row } from '../progress.ts';
import { readRated } from '../rounds/read.ts';
import { isOver } from '../watch.ts';
import { AddressExpired, type Expected, fetchFile } from './image-file.ts';
import { metadataLines } from './image-folder.ts';
import { hashFile, readSums } from './sums.ts';
import { writeWorkbook } from './workbook.ts';

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
  /** Images that this run fetched, and images that were in the folder already. */
  fetched: number;
  kept: number;
  bytes: number;
  /** Of these images, those that are one even area. */
  blank: number;
  /** Outputs that cannot be downloaded: quarantined or lost. */
  withheld: number;
  /** Images that are not judged yet. */
  pending: number;
  failed: { file: string; error: string }[];
  /** Images whose rendition could not be fetched: the gallery shows the image itself. */
  withoutThumbnail: number;
  over: boolean;
  manifest: boolean;
  /** Rating rounds of the audit: the closed ones are in the folder. */
  rounds: { closed: number; open: number };
}

/** Whether nothing is left to download. */
export const isComplete = (
  { over, pending, failed, manifest }: Downloaded,
  { format }: Pick<DownloadOptions, 'format'>,
): boolean => over && pending === 0 && failed.length === 0 && (manifest || format === 'imagefolder');

/** The folder of the images in each format. The loader of imagefolder expects its metadata in the same folder. */
const FOLDERS: Record<Format, string> = { gallery: IMAGES, imagefolder: 'train' };
/** The size that a rendition never reaches. */
const MOST_THUMBNAIL_BYTES = 2_000_000;
/** Files read at a time. */
const HASHING = pLimit(8);
const MANIFEST_WITHIN_MS = 10 * 60_000;
const PAUSE_MS = 2_000;

/**
 * Downloads an audit into a folder. Intact files are not fetched again, so an interrupted download can be resumed.
 * @throws {CommandError} if the folder or the manifest is not accessible
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
    blank: 0,
    withheld: 0,
    pending: 0,
    failed: [],
    withoutThumbnail: 0,
    over: isOver(status),
    manifest: false,
    rounds: { closed: 0, open: 0 },
  };
  await createFolder(join(folder, FOLDERS[options.format]));
  const entries = await fetchImages(client, audit, folder, options, row, done);
  if (options.format === 'imagefolder') await writeImageFolder(folder, entries);
  else {
    const rounds: RoundEntry[] = [];
    for await (const round of client.rounds(audit)) rounds.push(round);
    const labels: string[] = [];
    const closed = rounds.filter(({ state }) => state === 'closed').length;
    const reading = closed > 0 ? progress.row('labels', closed) : undefined;
    reading?.update(0, '(they can be read a minute after a round was closed)');
    for await (const [path, text] of roundFiles(rounds, (round) => readRated(client, round))) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeLines(join(folder, path), [text]);
      labels.push(path);
      reading?.update(Math.floor(labels.length / 2));
    }
    done.rounds = { closed, open: rounds.length - closed };
    await writeLines(join(folder, 'index.html'), galleryPage(status, entries, rounds));
    done.manifest = await fetchManifest(client, status, folder, options.wait && done.over, progress);
    const manifests = done.manifest ? await manifestFiles(folder) : [];
    const others = ['index.html', ...manifests, ...labels];
    await writeLines(join(folder, SUMS), await checksumLines(folder, entries, others));
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
  const before = await readSums(folder).then(
    ({ files }) => files,
    () => new Map<string, string>(),
  );
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.page(audit, cursor);
    await Promise.all(
      page.predictions.flatMap((prediction) =>
        fetchPrediction({ client, audit, folder, format, before, limit, done }, prediction),
      ),
    );
    const thumbnails = format === 'gallery' ? THUMBNAILS : undefined;
    for (const prediction of page.predictions) entries.push(entryOf(prediction, FOLDERS[format], thumbnails));
    row.update(entries.length, done.failed.length > 0 ? `(${done.failed.length} files failed)` : '');
    cursor = page.cursor;
  } while (cursor);
  return entries;
}

/** Where the images of a download come from and go to. */
interface Transfer {
  client: ApiClient;
  audit: string;
  folder: string;
  format: Format;
  /** What an earlier download of this folder listed. */
  before: ReadonlyMap<string, string>;
  limit: ReturnType<typeof pLimit>;
  done: Downloaded;
}

function fetchPrediction(transfer: Transfer, { n, images }: Prediction): Promise<void>[] {
  const { folder, format, limit, done } = transfer;
  return images.map(async (image) => {
    if (image.status === 'pending') done.pending++;
    else if (!image.url) done.withheld++;
    else
      await limit(async () => {
        const file = fileName(n, image.index, image.contentType);
        try {
          const expected = { sha256: image.sha256 ?? '', bytes: image.bytes ?? 0 };
          const isNew = await fetchImage(
            transfer,
            n,
            image,
            'url',
            join(folder, FOLDERS[format], file),
            expected,
          );
          if (isNew) done.fetched++;
          else done.kept++;
          if (image.blank) done.blank++;
          done.bytes += image.bytes ?? 0;
          if (format === 'gallery' && image.rendition) await fetchThumbnail(transfer, n, image);
        } catch (error) {
          // Nothing of it is there, so the gallery shows none of it.
          delete image.rendition;
          done.failed.push({ file, error: (error as Error).message });
        }
      });
  });
}

/** The rendition may be missing although its image is there. The image then counts as one without a rendition. */
async function fetchThumbnail(transfer: Transfer, n: number, image: PredictionImage): Promise<void> {
  const name = `${THUMBNAILS}/${thumbnailName(n, image.index)}`;
  const expected = { most: MOST_THUMBNAIL_BYTES, before: transfer.before.get(name) };
  try {
    await fetchImage(transfer, n, image, 'rendition', join(transfer.folder, name), expected);
  } catch {
    delete image.rendition;
    transfer.done.withoutThumbnail++;
  }
}

/** Addresses are valid for two hours at most. In a slow download some expire and are renewed. */
async function fetchImage(
  { client, audit }: Transfer,
  n: number,
  image: PredictionImage,
  address: 'url' | 'rendition',
  path: string,
  expected: Expected,
): Promise<boolean> {
  try {
    return await fetchFile(image[address]!, path, expected);
  } catch (error) {
    if (!(error instanceof AddressExpired)) throw error;
    const { predictions } = await client.page(audit, String(n).padStart(5, '0'), 1);
    const fresh = predictions[0]?.images.find(({ index }) => index === image.index)?.[address];
    if (!fresh) throw new Error('the image is no longer available');
    return fetchFile(fresh, path, expected);
  }
}

/** Makes the workbook of a manifest that is in a folder. @returns the names of all files of the manifest */
export async function manifestFiles(folder: string): Promise<string[]> {
  const isWritten = await writeWorkbook(join(folder, 'manifest.csv'), join(folder, 'manifest.xlsx'));
  return ['manifest.json', 'manifest.csv', ...(isWritten ? ['manifest.xlsx'] : [])];
}

async function checksumLines(folder: string, entries: Entry[], others: string[]): Promise<string[]> {
  const thumbnails = entries.flatMap(({ images }) => images.flatMap(({ thumbnail }) => thumbnail ?? []));
  const hash = async (path: string): Promise<[string, string]> => [path, await hashFile(join(folder, path))];
  return sumLines(
    entries,
    await Promise.all([...thumbnails, ...others].map((path) => HASHING(() => hash(path)))),
  );
}

async function writeImageFolder(folder: string, entries: Entry[]): Promise<void> {
  const factors = factorNames(entries);
  await writeLines(join(folder, FOLDERS.imagefolder, 'metadata.jsonl'), metadataLines(entries, factors));
}

/** Writes to a temporary file and renames it, so that the file is complete or absent. */
export async function writeLines(path: string, lines: Iterable<string>): Promise<void> {
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
      row.update(index, '(written some seconds after the last image is backed up)');
      await setTimeout(PAUSE_MS);
      url = await client.manifestUrl(status.id, format);
    }
    if (!url) return false;
    const path = join(folder, `manifest.${format}`);
    const response = await fetch(url);
    if (!response.ok || !response.body)
      throw new CommandError(
        EXIT.unavailable,
        `The manifest could not be downloaded: S3 answered ${response.status}. Run the same command again.`,
      );
    await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(`${path}.part`));
    await rename(`${path}.part`, path);
    row.update(index + 1);
  }
  return true;
}
