import { demand, objectArn } from '../access.ts';
import { type Answer, httpDate, versionHeader, xmlAnswer } from '../answer.ts';
import { type Checksum, checksumElement } from '../checksums.ts';
import { invalidArgument } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { readable } from '../readable.ts';
import { integerValue } from '../request.ts';
import type { ObjectPart, ObjectVersion } from '../store.ts';
import { checkVersionId, type Target } from '../target.ts';
import type { XmlValue } from '../xml.ts';

const ATTRIBUTES = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
const HEADER = 'x-amz-object-attributes';
const MAX_PARTS = 1000;

const checksumOf = ({ algorithm, value }: Checksum) => ({ [checksumElement(algorithm)]: value });

function partsOf(exchange: Exchange, parts: readonly ObjectPart[]): XmlValue {
  const { request } = exchange;
  const number = (name: string, fallback: number) =>
    integerValue(request.header(name), name, fallback, MAX_PARTS * 10);
  const marker = number('x-amz-part-number-marker', 0);
  const max = Math.min(number('x-amz-max-parts', MAX_PARTS), MAX_PARTS);
  const later = parts.filter(({ number: at }) => at > marker);
  const listed = later.slice(0, max);
  return {
    // The SDKs call it TotalPartsCount.
    PartsCount: parts.length,
    PartNumberMarker: marker,
    NextPartNumberMarker: listed.at(-1)?.number ?? 0,
    MaxParts: max,
    IsTruncated: listed.length < later.length,
    Part: listed.map((part) => ({ PartNumber: part.number, Size: part.size, ...checksumOf(part.checksum) })),
  };
}

/** What is known of an object without its bytes, as far as the request asks for it. */
export async function getObjectAttributes(exchange: Exchange, { bucket, key }: Target): Promise<Answer> {
  const { request, store } = exchange;
  const versionId = checkVersionId(request.query.get('versionId'));
  const version: ObjectVersion = readable(exchange, { bucket, key, versionId }, 'GetObject');
  const action = versionId === undefined ? 's3:GetObjectAttributes' : 's3:GetObjectVersionAttributes';
  demand(exchange, action, objectArn(bucket, key));
  const wanted = (request.header(HEADER) ?? '').split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !ATTRIBUTES.includes(name));
  if (unknown !== undefined) throw invalidArgument('Invalid attribute name specified.', HEADER, unknown);
  const { checksum, etag, size, description } = version;
  const parts = store.partsOf(version);
  const all: Record<string, XmlValue> = {
    ETag: etag,
    Checksum: checksum && { ...checksumOf(checksum), ChecksumType: checksum.type },
    ObjectParts: parts && partsOf(exchange, parts),
    StorageClass: description.headers['x-amz-storage-class'] ?? 'STANDARD',
    ObjectSize: size,
  };
  const chosen = ATTRIBUTES.filter((name) => wanted.includes(name)).map((name) => [name, all[name]]);
  return xmlAnswer('GetObjectAttributesResponse', Object.fromEntries(chosen), {
    'last-modified': httpDate(version.modified),
    ...versionHeader(store, version),
  });
}
