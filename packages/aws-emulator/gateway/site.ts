import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import mime from 'mime-types';

export interface SiteOptions {
  /** Folder of the page; undefined when there is none. */
  folder: (() => Promise<string | undefined>) | undefined;
  /** Sent with every file, as the distribution in front of the site does. */
  headers: Record<string, string>;
}

/** The file a path names, `index.html` for a folder; undefined if there is none or it lies outside. */
async function find(
  directory: string,
  urlPath: string,
): Promise<{ file: string; size: number; modified: Date } | undefined> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(urlPath);
  } catch {
    return undefined;
  }
  if (decoded.includes('\0')) return undefined;
  const named = path.join(directory, decoded.endsWith('/') ? `${decoded}index.html` : decoded);
  const hidden = path
    .relative(directory, named)
    .split(path.sep)
    .some((part) => part.startsWith('.'));
  if (hidden) return undefined;
  const found = await stat(named).catch(() => undefined);
  return found?.isFile() ? { file: named, size: found.size, modified: found.mtime } : undefined;
}

/** Serves the page's files. Returns false when there is no such file. */
export async function serveSite(
  options: SiteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const folder = await options.folder?.();
  if (folder === undefined) return false;
  const found = await find(folder, (request.url ?? '/').split('?', 1)[0] ?? '/');
  if (found === undefined) return false;
  // Pages also exist without `.html`, for shorter addresses.
  const extension = path.extname(found.file) || '.html';
  const type = mime.contentType(extension) || 'application/octet-stream';
  const headers = {
    ...options.headers,
    'content-type': type,
    'last-modified': found.modified.toUTCString(),
    // A developer changes files, so the browser must ask each time.
    'cache-control': 'no-cache',
  };
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  if (Math.floor(found.modified.getTime() / 1000) * 1000 <= since) {
    response.writeHead(304, headers).end();
    return true;
  }
  response.writeHead(200, { ...headers, 'content-length': found.size });
  if (request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(found.file), response).catch(() => response.destroy());
  return true;
}
