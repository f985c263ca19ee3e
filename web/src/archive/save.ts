import { makeZip } from 'client-zip';
import { ApiError } from '../api/client.ts';
import { sentenceOf } from '../live/audit.ts';
import type { Signal } from '../live/signal.ts';
import { saveFile } from '../parts/save.ts';
import { words } from '../words/archive.ts';
import { type Contents, sumOf } from './contents.ts';
import { archiveFiles, folderOf } from './files.ts';
import type { ArchiveState, Saved, Written } from './state.ts';

/**
 * Bytes of images that are held in memory where the browser cannot write to the disk: a third of what a phone gives a page
 * before it ends it.
 */
export const MOST_IN_MEMORY = 500_000_000;

/** Predictions of a study: its one manifest is put together in memory, at about 3 kB for each. */
export const MOST_OF_STUDY = 50_000;

/** Asks where to save a file. Only some browsers have it, and their types are in no library. */
type Picker = (options: {
  suggestedName: string;
  types: { accept: Record<string, string[]> }[];
}) => Promise<FileSystemFileHandle & { remove?(): Promise<void> }>;

const picker = () => (globalThis as { showSaveFilePicker?: Picker }).showSaveFilePicker;

/** Whether the file is written to the disk while it is made. */
export const writesToDisk = (): boolean => picker() !== undefined;

const stay = (event: BeforeUnloadEvent) => event.preventDefault();

/**
 * Saves a whole audit as one ZIP file. Call it for a press of a button: browsers ask for the place only then.
 * @param state follows what happens, errors included; it never throws
 */
export async function saveArchive(
  saved: Saved,
  contents: Contents[],
  state: Signal<ArchiveState>,
  signal: AbortSignal,
): Promise<void> {
  const name = `${folderOf(saved.id)}.zip`;
  let handle: Awaited<ReturnType<Picker>> | undefined;
  try {
    handle = await picker()?.({ suggestedName: name, types: [{ accept: { 'application/zip': ['.zip'] } }] });
  } catch (error) {
    // The person chose no place.
    if ((error as Error).name !== 'AbortError') state.set({ kind: 'failed', why: whyNot(error) });
    return;
  }
  const written: Written = { bytes: 0, missing: [], withoutRendition: 0 };
  const { images, blank, bytes: all } = sumOf(contents);
  let now = { kind: 'running' as const, done: 0, of: images, bytes: 0, all };
  state.set(now);
  const onImage = (bytes: number) => {
    if (signal.aborted) return;
    now = { ...now, done: now.done + 1, bytes: now.bytes + bytes };
    state.set(now);
  };
  // A page that is left takes the download with it: the browser asks first.
  addEventListener('beforeunload', stay);
  signal.addEventListener('abort', () => state.set({ kind: 'canceled' }));
  try {
    const sources = saved.audits.map((audit, place) => ({
      ...{ ...audit, contents: contents[place]! },
      ...{ signal, onImage },
    }));
    const zip = makeZip(archiveFiles(saved, sources, written));
    if (handle) await zip.pipeTo(await handle.createWritable(), { signal });
    else {
      const blob = await new Response(zip).blob();
      signal.throwIfAborted();
      saveFile(blob, name);
    }
    state.set({
      kind: 'done',
      name: handle?.name ?? name,
      images: images - written.missing.length,
      blank,
      ...written,
    });
  } catch (error) {
    // What was written is discarded by the browser; only the name is left, and an older file as it was.
    if ((await handle?.getFile().catch(() => undefined))?.size === 0)
      await handle?.remove?.().catch(() => {});
    if (!signal.aborted) state.set({ kind: 'failed', why: whyNot(error) });
  } finally {
    removeEventListener('beforeunload', stay);
  }
}

function whyNot(error: unknown): string {
  if (error instanceof ApiError) return sentenceOf(error);
  const { name, message } = error as Error;
  return name === 'QuotaExceededError' ? words.diskFull : words.notWritten(message);
}
