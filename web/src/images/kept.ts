/**
 * Renditions that outlive a page, so that a reload or a second tab fetches no original again. They are named by their
 * image, because addresses change with each signature. Each hour has a cache of its own, which is deleted as a whole.
 */

const PREFIX = 'renditions-';
const HOUR_MS = 3_600_000;

const hourOf = (time: number) => `${PREFIX}${Math.floor(time / HOUR_MS)}`;
/** An entry's request names the image; it is never sent. */
const nameOf = (key: string) => `/renditions/${key}`;
// Missing without a secure context or where storage is forbidden. Pages then fetch originals again.
const isThere = 'caches' in globalThis;

let swept: Promise<unknown> | undefined;

/** Removes everything older than the previous hour. */
async function sweep(): Promise<void> {
  const now = Date.now();
  const recent = [hourOf(now), hourOf(now - HOUR_MS)];
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && !recent.includes(name));
  await Promise.all(names.map((name) => caches.delete(name)));
}

/** The rendition of an image, if it was made in this hour or the previous one. */
export async function keptRendition(key: string): Promise<Blob | undefined> {
  if (!isThere) return undefined;
  try {
    swept ??= sweep();
    await swept;
    const found = await caches.match(nameOf(key));
    return await found?.blob();
  } catch {
    return undefined;
  }
}

/** Keeps a rendition. Full or forbidden storage only costs another fetch later. */
export async function keepRendition(key: string, blob: Blob): Promise<void> {
  if (!isThere) return;
  try {
    const cache = await caches.open(hourOf(Date.now()));
    await cache.put(nameOf(key), new Response(blob));
  } catch {
    // The rendition is made again when it is needed.
  }
}

/** Removes all renditions, so that no viewed image is left on this machine. */
export async function forgetRenditions(): Promise<void> {
  if (!isThere) return;
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.map((name) => caches.delete(name)));
}
