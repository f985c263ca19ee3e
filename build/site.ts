import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import mime from 'mime-types';

/** One file of the site as it is uploaded. */
export interface SiteFile {
  key: string;
  body: Buffer;
  contentType: string;
  cacheControl: string;
  /** MD5 in hex: S3's ETag of an object that was uploaded in one piece with S3's own keys. */
  md5: string;
}

/** The changes that make a bucket hold the site. */
export interface SiteChanges {
  put: SiteFile[];
  delete: string[];
  /** Paths that CloudFront must remove from its caches. */
  invalidate: string[];
}

/** `app-3F2A91BC.js`: the name changes with the content, so a browser may keep the file forever. */
const HASHED = /-[0-9A-Z]{8}(\.[a-z0-9]+)+$/;
const FOREVER = 'public, max-age=31536000, immutable';
/** Cached, but validated by its ETag before each use. */
const ASK_FIRST = 'public, no-cache';
/** Above this number, one wildcard path is cheaper than single paths. */
const MAX_PATHS = 20;

const contentTypeOf = (key: string): string => {
  const name = key.slice(key.lastIndexOf('/') + 1);
  // Some pages, such as `/compare`, have an address without an extension.
  const type = name.includes('.') ? mime.contentType(name) : 'text/html; charset=utf-8';
  return type === false ? 'application/octet-stream' : type;
};

const isPage = ({ contentType }: SiteFile) => contentType.startsWith('text/html');

/** Reads the built files of the site, sorted by path. */
export async function readSite(folder: string): Promise<SiteFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    paths.map(async (path) => {
      const body = await readFile(path);
      const key = path
        .slice(folder.length + 1)
        .split(sep)
        .join('/');
      return {
        key,
        body,
        contentType: contentTypeOf(key),
        cacheControl: HASHED.test(key) ? FOREVER : ASK_FIRST,
        md5: createHash('md5').update(body).digest('hex'),
      };
    }),
  );
}

/**
 * Compares the site with what a bucket holds.
 * @param existing ETags by key, as a LIST returns them
 */
export function planUpload(files: SiteFile[], existing: ReadonlyMap<string, string>): SiteChanges {
  const put = files.filter(({ key, md5 }) => existing.get(key)?.replaceAll('"', '') !== md5);
  const names = new Set(files.map(({ key }) => key));
  const removed = [...existing.keys()].filter((key) => !names.has(key));
  // A new file is in no cache. `/` is another name of index.html.
  const changed = [...put.map(({ key }) => key).filter((key) => existing.has(key)), ...removed];
  const paths = changed.flatMap((key) =>
    key === 'index.html' ? ['/', '/index.html'] : [`/${encodeURI(key)}`],
  );
  return {
    // Pages last, so that the files they refer to exist.
    put: put.toSorted((a, b) => Number(isPage(a)) - Number(isPage(b))),
    delete: removed,
    invalidate: paths.length > MAX_PATHS ? ['/*'] : paths,
  };
}
