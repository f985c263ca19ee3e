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

/** What has to happen to a bucket so that it holds the site. */
export interface SiteChanges {
  put: SiteFile[];
  delete: string[];
  /** Paths that CloudFront has to forget. */
  invalidate: string[];
}

/** `app-3F2A91BC.js`: another content has another name, so a browser may keep it for ever. */
const HASHED = /-[0-9A-Z]{8}(\.[a-z0-9]+)+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';
/** Kept, but asked for by its ETag before each use. */
const ASK_FIRST = 'public, no-cache';
/** More paths than this cost more than one that means all of them. */
const MAX_PATHS = 20;

const contentTypeOf = (key: string): string => {
  const name = key.slice(key.lastIndexOf('/') + 1);
  // `/compare` is a page by an address without an extension.
  const type = name.includes('.') ? mime.contentType(name) : 'text/html; charset=utf-8';
  return type === false ? 'application/octet-stream' : type;
};

const isPage = ({ contentType }: SiteFile) => contentType.startsWith('text/html');

/** Reads the site's files as they were built. */
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
        cacheControl: HASHED.test(key) ? FOR_EVER : ASK_FIRST,
        md5: createHash('md5').update(body).digest('hex'),
      };
    }),
  );
}

/**
 * Compares the site with what a bucket holds.
 * @param standing ETags by key, as a LIST gives them
 */
export function planUpload(files: SiteFile[], standing: ReadonlyMap<string, string>): SiteChanges {
  const put = files.filter(({ key, md5 }) => standing.get(key)?.replaceAll('"', '') !== md5);
  const names = new Set(files.map(({ key }) => key));
  const removed = [...standing.keys()].filter((key) => !names.has(key));
  // What was not there before is in no cache; `/` is index.html by another name.
  const changed = [...put.map(({ key }) => key).filter((key) => standing.has(key)), ...removed];
  const paths = changed.flatMap((key) =>
    key === 'index.html' ? ['/', '/index.html'] : [`/${encodeURI(key)}`],
  );
  return {
    // Pages last, so that what they refer to is there.
    put: put.toSorted((a, b) => Number(isPage(a)) - Number(isPage(b))),
    delete: removed,
    invalidate: paths.length > MAX_PATHS ? ['/*'] : paths,
  };
}
