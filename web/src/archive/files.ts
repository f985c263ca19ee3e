import { type Entry, entryOf, IMAGES, THUMBNAILS, thumbnailName } from '../../../lib/download/entries.ts';
import { galleryPage, studyPage } from '../../../lib/download/gallery.ts';
import { roundFiles } from '../../../lib/download/rounds.ts';
import { type ManifestText, studyManifest } from '../../../lib/download/study.ts';
import { SUMS, sumLine, sumLines } from '../../../lib/download/sums.ts';
import { fileName } from '../../../lib/image-file.ts';
import { readManifest } from '../api/client.ts';
import { readRated } from '../api/rated.ts';
import { readRoundPlan, readRounds } from '../api/rounds.ts';
import type { AuditStatus, Prediction, PredictionImage, Study } from '../api/types.ts';
import { sha256Of } from '../images/hash.ts';
import { fetchImage, ImageProblem } from '../images/load.ts';
import type { Cells, Size } from '../live/cells.ts';
import { words as archiveWords } from '../words/archive.ts';
import type { Contents } from './contents.ts';
import type { Saved, Written } from './state.ts';

/** Images that are fetched, or wait to be written, at a time. No more than these are in memory. */
const AHEAD = 4;
const TRIES = 4;
const FIRST_PAUSE_MS = 1_000;
/** A connection that brings nothing for so long is given up; the image is tried again. */
const PATIENCE_MS = 120_000;

/** A file of the archive, with its path inside. */
export interface ArchiveFile {
  name: string;
  input: Uint8Array<ArrayBuffer>;
  lastModified: Date;
}

export interface Source {
  cells: Cells;
  status: AuditStatus;
  contents: Contents;
  signal: AbortSignal;
  /** Called after each image. */
  onImage(bytes: number): void;
}

/** The folder that the archive unpacks to, which is named like the archive. */
export const folderOf = (audit: string): string => `weaudit-${audit}`;

/**
 * The files of an audit as `weaudit download` writes them. An image is handed over after its SHA-256 was checked: what is
 * in an archive cannot be taken back, so it must not get there before.
 * @param written is filled in as far as the files are
 * @throws {ApiError} if a manifest cannot be read
 */
async function* auditFiles(source: Source, written: Written): AsyncGenerator<ArchiveFile> {
  const { status, contents, signal, onImage } = source;
  const file = fileOf(status.createdAt, written);
  const sums = new Map<string, string>();
  const manifests = new Map<string, string>();
  for (const format of ['json', 'csv'] as const) {
    const input = await persistently(async () => bytesOf(await readManifest(status.id, format)), signal);
    manifests.set(`manifest.${format}`, await sha256Of(input));
    yield file(`manifest.${format}`, input);
  }
  /** The gallery shows these images themselves. */
  const plain = new Set<PredictionImage>();
  for await (const { n, image, bytes, rendition } of inOrder(contents.images, (one) =>
    fetchBoth(source, one),
  )) {
    signal.throwIfAborted();
    const name = fileName(n, image.index, image.contentType);
    if (bytes) yield file(`${IMAGES}/${name}`, bytes);
    else written.missing.push(name);
    if (rendition) {
      const thumbnail = `${THUMBNAILS}/${thumbnailName(n, image.index)}`;
      sums.set(thumbnail, await sha256Of(rendition));
      yield file(thumbnail, rendition);
    } else {
      plain.add(image);
      if (bytes && image.rendition) written.withoutRendition++;
    }
    onImage(image.bytes ?? 0);
  }
  const entries = entriesOf(contents.predictions, plain);
  const rounds = await persistently(() => readRounds(status.id), signal);
  const page = encode(galleryPage(status, entries, rounds));
  sums.set('index.html', await sha256Of(page));
  yield file('index.html', page);
  for (const [name, sha256] of manifests) sums.set(name, sha256);
  const read = (round: string) =>
    persistently(async () => readRated(await readRoundPlan(round), () => {}), signal);
  for await (const [name, text] of roundFiles(rounds, read)) {
    const input = encode([text]);
    sums.set(name, await sha256Of(input));
    yield file(name, input);
  }
  yield file(SUMS, encode(sumLines(entries, sums)));
}

/** Makes files that were made when what they are of was begun, and counts their bytes. */
const fileOf =
  (createdAt: string, written: Written) =>
  (name: string, input: Uint8Array<ArrayBuffer>): ArchiveFile => {
    written.bytes += input.byteLength;
    return { name, input, lastModified: new Date(createdAt) };
  };

const moved = (file: ArchiveFile, folder: string): ArchiveFile => ({
  ...file,
  name: `${folder}/${file.name}`,
});

/** The files of an audit or a study in the folder that is named like the archive. */
export async function* archiveFiles(
  { id, study }: Saved,
  sources: readonly Source[],
  written: Written,
): AsyncGenerator<ArchiveFile> {
  const files = study ? studyFiles(study, sources, written) : auditFiles(sources[0]!, written);
  for await (const file of files) yield moved(file, folderOf(id));
}

/** The files of a study as `weaudit download` writes them: a folder for each audit, and one manifest of all. */
async function* studyFiles(
  study: Study,
  sources: readonly Source[],
  written: Written,
): AsyncGenerator<ArchiveFile> {
  const file = fileOf(study.createdAt, written);
  const sums: string[] = [];
  const own: [path: string, sha256: string][] = [];
  const manifests: { audit: string; json: string; csv: string }[] = [];
  for (const source of sources) {
    const audit = source.status.id;
    const texts = new Map<string, string>();
    const part: Written = { bytes: 0, missing: [], withoutRendition: 0 };
    for await (const one of auditFiles(source, part)) {
      if (/^manifest\.|^SHA256SUMS$/.test(one.name)) texts.set(one.name, new TextDecoder().decode(one.input));
      if (one.name === SUMS) own.push([`${audit}/${SUMS}`, await sha256Of(one.input)]);
      yield moved(one, audit);
    }
    written.bytes += part.bytes;
    written.withoutRendition += part.withoutRendition;
    written.missing.push(...part.missing.map((name) => `${audit}/${name}`));
    for (const line of texts.get(SUMS)!.split('\n'))
      if (line !== '') sums.push(sumLine(`${audit}/${line.slice(66)}`, line.slice(0, 64)));
    manifests.push({ audit, json: texts.get('manifest.json')!, csv: texts.get('manifest.csv')! });
  }
  const { mergedCsv } = await import('./study-csv.ts');
  const json: string[] = [];
  for await (const piece of studyManifest(study, manifests.map(textOf))) json.push(piece);
  const all: [name: string, pieces: Iterable<string>][] = [
    ['index.html', studyPage(study)],
    ['manifest.json', json],
    ['manifest.csv', [mergedCsv(manifests)]],
  ];
  for (const [name, pieces] of all) {
    const input = encode(pieces);
    sums.push(sumLine(name, await sha256Of(input)));
    yield file(name, input);
  }
  yield file(SUMS, encode([...sums, ...own.map(([path, sha256]) => sumLine(path, sha256))]));
}

/** The pipeline writes a line for each cell of a manifest. */
function textOf({ audit, json }: { audit: string; json: string }): ManifestText {
  const [head = '', ...lines] = json.split('\n');
  return {
    audit,
    head: () => `${head.slice(0, -',"cells":['.length)}}`,
    cells: () => lines.filter((line) => line !== '' && line !== ']}').map((line) => line.replace(/,$/, '')),
  };
}

function entriesOf(predictions: Prediction[], plain: Set<PredictionImage>): Entry[] {
  const shown = (image: PredictionImage) => {
    const { rendition: _, ...rest } = image;
    return plain.has(image) ? rest : image;
  };
  return predictions.map((prediction) =>
    entryOf({ ...prediction, images: prediction.images.map(shown) }, IMAGES, THUMBNAILS),
  );
}

type Image = Contents['images'][number];

/** An image and its rendition, each undefined if it could not be fetched. It never throws. */
async function fetchBoth(source: Source, { n, image }: Image) {
  const fetched = (size: Size, sha256?: string) =>
    fetchChecked(source, n, image.index, size, sha256).catch(() => undefined);
  const bytes = await fetched('original', image.sha256 ?? '');
  return { n, image, bytes, rendition: bytes && image.rendition ? await fetched('rendition') : undefined };
}

/** @throws {Error} if the bytes cannot be fetched, or are not the ones that the pipeline recorded */
const fetchChecked = ({ cells, signal }: Source, n: number, index: number, size: Size, sha256?: string) =>
  persistently(async () => {
    signal.throwIfAborted();
    const bytes = await bytesOf(await fetchImage(cells, n, index, size, within(PATIENCE_MS, signal)));
    if (sha256 !== undefined && (await sha256Of(bytes)) !== sha256) throw new Error(archiveWords.altered);
    return bytes;
  }, signal);

/** Repeats what may succeed later. While the browser is offline, it waits. */
async function persistently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ImageProblem && !error.temporary) throw error;
      if (!navigator.onLine) attempt = 0;
      else if (attempt === TRIES) throw error;
      await pause(attempt === 0 ? undefined : FIRST_PAUSE_MS * 2 ** (attempt - 1), signal);
    }
  }
}

/** Until the time is over, the browser is online again, or the signal aborts. */
const pause = (ms: number | undefined, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const over = new AbortController();
    const end = () => {
      over.abort();
      clearTimeout(timer);
      resolve();
    };
    const timer = ms === undefined ? undefined : setTimeout(end, ms);
    for (const target of [globalThis, signal])
      target.addEventListener(target === signal ? 'abort' : 'online', end, { signal: over.signal });
  });

/** A signal that aborts with another one, or after a time. */
function within(ms: number, signal: AbortSignal): AbortSignal {
  const own = new AbortController();
  const abort = () => own.abort();
  setTimeout(abort, ms);
  signal.addEventListener('abort', abort, { signal: own.signal });
  return own.signal;
}

/** Results in the order of the items. A few items are worked on ahead. @param work never throws */
async function* inOrder<T, R>(items: readonly T[], work: (item: T) => Promise<R>): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  for (const item of items) {
    running.push(work(item));
    if (running.length === AHEAD) yield running.shift()!;
  }
  yield* running;
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

const encode = (lines: Iterable<string>) => new TextEncoder().encode([...lines].join(''));
