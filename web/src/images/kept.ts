/**
 * Renditions that outlive a page, so that a reload or a second tab fetches no original again. An address would not do
 * as their name: it changes with the function that signed it. Those of an hour lie together and go together.
 */

const PREFIX = 'renditions-';
const HOUR_MS = 3_600_000;

const hourOf = (time: number) => `${PREFIX}${Math.floor(time / HOUR_MS)}`;
/** What is kept is a request to no server: it only names the image. */
const nameOf = (key: string) => `/renditions/${key}`;
// Without a secure context, or with storage forbidden, there is none; pages then fetch anew.
const isThere = 'caches' in globalThis;

let swept: Promise<unknown> | undefined;

/** Removes what is older than the hour before this one. */
async function sweep(): Promise<void> {
  const now = Date.now();
  const young = [hourOf(now), hourOf(now - HOUR_MS)];
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && !young.includes(name));
  await Promise.all(names.map((name) => caches.delete(name)));
}

/** The rendition of an image that was made within the last hour or two. */
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

/** Keeps a rendition. Storage that is full or forbidden costs a fetch later, and nothing else. */
export async function keepRendition(key: string, blob: Blob): Promise<void> {
  if (!isThere) return;
  try {
    const cache = await caches.open(hourOf(Date.now()));
    await cache.put(nameOf(key), new Response(blob));
  } catch {
    // See above.
  }
}

/** Removes all of them: nothing of what was looked at stays on this machine. */
export async function forgetRenditions(): Promise<void> {
  if (!isThere) return;
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.map((name) => caches.delete(name)));
}
