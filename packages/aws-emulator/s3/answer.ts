import type { Readable } from 'node:stream';
import { NULL_VERSION, type ObjectVersion, type Store } from './store.ts';
import { document, type XmlValue } from './xml.ts';

/** What a request is answered with, before it is sent. */
export interface Answer {
  status: number;
  /** By name in lower case. */
  headers: Record<string, string>;
  /** A stream must be read or destroyed. */
  body?: string | Buffer | Readable;
}

export function xmlAnswer(
  root: string,
  content: { [name: string]: XmlValue } | string,
  headers: Record<string, string> = {},
): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: document(root, content),
  };
}

export const quoted = (etag: string) => `"${etag}"`;
export const httpDate = (ms: number) => new Date(ms).toUTCString();
/** S3 keeps times to the second. */
export const isoDate = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, '.000Z');

/** `x-amz-version-id`, where there is one to name. */
export function versionHeader(
  store: Store,
  version: Pick<ObjectVersion, 'bucket' | 'versionId'>,
): Record<string, string> {
  const versioned = store.bucket(version.bucket)?.versioning === true;
  return versioned || version.versionId !== NULL_VERSION ? { 'x-amz-version-id': version.versionId } : {};
}
