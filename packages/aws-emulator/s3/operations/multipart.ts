import { demand } from '../access.ts';
import { type Answer, isoDate, quoted, xmlAnswer } from '../answer.ts';
import { checksumClaim, chosenAlgorithm, openBody, readText } from '../body.ts';
import {
  ALGORITHMS,
  type Algorithm,
  type Checksum,
  checksumElement,
  checksumHeader,
  compositeOf,
  startDigest,
} from '../checksums.ts';
import { type WriteCondition, writeCondition } from '../conditions.ts';
import { invalidArgument, malformedXml, S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { describe } from '../metadata.ts';
import { whileReplaced } from '../readable.ts';
import { integerParameter, MAX_PART_NUMBER, partNumberOf } from '../request.ts';
import type { ObjectVersion } from '../store.ts';
import { parseTagHeader } from '../tags.ts';
import type { Target } from '../target.ts';
import type { Part, Upload } from '../uploads.ts';
import { type Elements, nodesOf, parse, textOf } from '../xml.ts';
import { copySource, copySourceHeader } from './copy.ts';
import { newLock } from './lock.ts';
import { demandWrite, writtenHeaders } from './put.ts';

const COMPLETE: Elements = {
  Part: Object.fromEntries(
    ['PartNumber', 'ETag', ...ALGORITHMS.map(checksumElement)].map((name) => [name, true as const]),
  ),
};
const MAX_LISTED_PARTS = 1000;
/** All parts but the last must have 5 MiB. */
const MIN_PART_BYTES = 5 * 1024 ** 2;

function uploadOf(exchange: Exchange, { bucket, key }: Target): Upload {
  const id = exchange.request.query.get('uploadId') ?? '';
  const upload = exchange.uploads.find(bucket, key, id);
  if (upload === undefined) throw noSuchUpload(id);
  return upload;
}

const noSuchUpload = (id: string) =>
  new S3Error(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    { UploadId: id },
  );

/** SHA checksums exist only per part, CRC64NVME only over the whole; the other CRCs do both. */
function checksumType(algorithm: Algorithm, chosen: string | undefined): Checksum['type'] {
  const type = chosen?.toUpperCase() ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  const possible = algorithm.startsWith('SHA')
    ? ['COMPOSITE']
    : algorithm === 'CRC64NVME'
      ? ['FULL_OBJECT']
      : ['COMPOSITE', 'FULL_OBJECT'];
  if ((type === 'COMPOSITE' || type === 'FULL_OBJECT') && possible.includes(type)) return type;
  throw new S3Error(
    'InvalidRequest',
    `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  );
}

export async function createMultipartUpload(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, uploads } = exchange;
  const { bucket, key, arn } = target;
  const tags = parseTagHeader(request.header('x-amz-tagging') ?? '');
  demandWrite(exchange, arn, tags, { ifMatch: undefined, ifNoneMatch: undefined }, false);
  const chosen = chosenAlgorithm(request);
  const algorithm = chosen ?? 'CRC64NVME';
  const upload = uploads.start({
    bucket,
    key,
    tags,
    description: describe(request),
    lock: newLock(exchange, target),
    algorithm,
    checksumType: checksumType(algorithm, request.header('x-amz-checksum-type')),
    algorithmChosen: chosen !== undefined,
  });
  return xmlAnswer(
    'InitiateMultipartUploadResult',
    { Bucket: bucket, Key: key, UploadId: upload.id },
    chosen === undefined
      ? {}
      : { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': upload.checksumType },
  );
}

export async function uploadPart(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity, store, uploads } = exchange;
  const number = partNumberOf(request) ?? 0;
  demand(exchange, 's3:PutObject', target.arn, { 's3:ObjectCreationOperation': 'false' });
  const upload = uploadOf(exchange, target);
  const claim = checksumClaim(request);
  if (claim !== undefined && upload.algorithmChosen && claim.algorithm !== upload.algorithm) {
    throw new S3Error(
      'InvalidRequest',
      `Checksum Type mismatch occurred, expected checksum Type: ${upload.algorithm.toLowerCase()}, actual checksum Type: ${claim.algorithm.toLowerCase()}`,
    );
  }
  const body = openBody(request, identity.payload, { fallback: upload.algorithm });
  const stored = await store.bodies.receive(body.chunks());
  const { md5, checksum } = body.result();
  if (!(await uploads.add(upload, { number, etag: md5, checksum }, stored))) throw noSuchUpload(upload.id);
  return {
    status: 200,
    headers: { etag: quoted(md5), [checksumHeader(checksum.algorithm)]: checksum.value },
  };
}

/** `bytes=first-last` of a copied part, which unlike a read's range must fit. */
function copyRange(header: string | undefined, size: number): { start: number; end: number } {
  if (header === undefined) return { start: 0, end: size - 1 };
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || start > end) {
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      'x-amz-copy-source-range',
      header,
    );
  }
  if (end >= size) {
    throw invalidArgument(
      `Range specified is not valid for source object of size: ${size}`,
      'x-amz-copy-source-range',
      header,
    );
  }
  return { start, end };
}

export async function uploadPartCopy(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, store, uploads } = exchange;
  const number = partNumberOf(request) ?? 0;
  demand(exchange, 's3:PutObject', target.arn, { 's3:ObjectCreationOperation': 'false' });
  const upload = uploadOf(exchange, target);
  const { source, stream } = await whileReplaced(async () => {
    const found = copySource(exchange);
    const { start, end } = copyRange(request.header('x-amz-copy-source-range'), found.size);
    const opened = found.size === 0 ? [] : await store.read(found, start, end);
    return opened && { source: found, stream: opened };
  });
  const [md5, digest] = [startDigest('MD5'), startDigest(upload.algorithm)];
  async function* bytes(): AsyncGenerator<Buffer> {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      md5.update(chunk);
      digest.update(chunk);
      yield chunk;
    }
  }
  const stored = await store.bodies.receive(bytes());
  const etag = (await md5.digest()).toString('hex');
  const checksum: Checksum = {
    algorithm: upload.algorithm,
    type: 'FULL_OBJECT',
    value: (await digest.digest()).toString('base64'),
  };
  if (!(await uploads.add(upload, { number, etag, checksum }, stored))) throw noSuchUpload(upload.id);
  return xmlAnswer(
    'CopyPartResult',
    {
      LastModified: isoDate(store.now().getTime()),
      ETag: quoted(etag),
      [checksumElement(checksum.algorithm)]: checksum.value,
    },
    copySourceHeader(exchange, source),
  );
}

interface ListedPart {
  number: number;
  etag: string;
  checksums: string[];
}

/** The parts that the client lists. Throws MalformedXML, InvalidPartOrder. */
function listedParts(text: string, upload: string): ListedPart[] {
  const nodes = nodesOf(parse(text, 'CompleteMultipartUpload', COMPLETE), 'Part');
  if (nodes.length === 0) throw malformedXml();
  let previous = 0;
  return nodes.map((node) => {
    const number = Number(textOf(node, 'PartNumber'));
    const etag = textOf(node, 'ETag')?.trim().replaceAll('"', '');
    if (!Number.isInteger(number) || etag === undefined) throw malformedXml();
    if (number <= previous) {
      throw new S3Error(
        'InvalidPartOrder',
        'The list of parts was not in ascending order. Parts must be ordered by part number.',
        { UploadId: upload },
      );
    }
    previous = number;
    const checksums = ALGORITHMS.flatMap((algorithm) => textOf(node, checksumElement(algorithm)) ?? []);
    return { number, etag, checksums };
  });
}

const isSamePart = (
  listed: ListedPart,
  part: Pick<Part, 'number' | 'etag' | 'checksum'> | undefined,
): boolean =>
  part?.number === listed.number &&
  part.etag === listed.etag &&
  listed.checksums.every((value) => value === part.checksum.value);

/** The listed parts, as they were uploaded. Throws InvalidPart, EntityTooSmall. */
function chosenParts(listed: readonly ListedPart[], uploaded: readonly Part[], upload: Upload): Part[] {
  const byNumber = new Map(uploaded.map((part) => [part.number, part]));
  const chosen = listed.map((one) => {
    const part = byNumber.get(one.number);
    if (part !== undefined && isSamePart(one, part)) return part;
    throw new S3Error(
      'InvalidPart',
      "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
      { UploadId: upload.id, PartNumber: String(one.number), ETag: one.etag },
    );
  });
  for (const part of chosen.slice(0, -1)) {
    if (part.size < MIN_PART_BYTES) {
      throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
        ProposedSize: String(part.size),
        MinSizeAllowed: String(MIN_PART_BYTES),
        PartNumber: String(part.number),
        ETag: part.etag,
      });
    }
  }
  return chosen;
}

function completed(exchange: Exchange, version: ObjectVersion): Answer {
  const { request } = exchange;
  const { bucket, key, checksum } = version;
  const { etag, ...written } = writtenHeaders(exchange, version);
  return xmlAnswer(
    'CompleteMultipartUploadResult',
    {
      Location: `http://${request.header('host') ?? ''}${request.path}`,
      Bucket: bucket,
      Key: key,
      ETag: etag,
      ...(checksum !== undefined && {
        ChecksumType: checksum.type,
        [checksumElement(checksum.algorithm)]: checksum.value,
      }),
    },
    written,
  );
}

/** The answer to a request that is repeated because its first answer was lost. Undefined: it is not one. */
function repeated({ store }: Exchange, { bucket, key }: Target, id: string, listed: readonly ListedPart[]) {
  const version = store.findUploaded(id);
  if (version?.bucket !== bucket || version.key !== key) return undefined;
  const parts = store.partsOf(version) ?? [];
  return parts.length === listed.length && listed.every((one, n) => isSamePart(one, parts[n]))
    ? version
    : undefined;
}

/** Throws InvalidRequest where the request says another size or type than what came together. */
function checkWhole({ request }: Exchange, size: number, type: Checksum['type']): void {
  const [claimedSize, claimedType] = ['x-amz-mp-object-size', 'x-amz-checksum-type'].map((name) =>
    request.header(name),
  );
  if (claimedSize !== undefined && Number(claimedSize) !== size) {
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${claimedSize} does not match what was computed: ${size}`,
    );
  }
  if (claimedType !== undefined && claimedType !== type) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using the ${type} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
}

/** Makes the object of an upload's parts, and ends the upload. */
async function assemble(
  exchange: Exchange,
  target: Target,
  listed: readonly ListedPart[],
  condition: WriteCondition,
): Promise<ObjectVersion> {
  const { request, store, uploads, occasion } = exchange;
  const { bucket, key } = target;
  const claimed = ALGORITHMS.flatMap((algorithm) => {
    const value = request.header(checksumHeader(algorithm));
    return value === undefined ? [] : [{ algorithm, value }];
  })[0];
  const upload = uploadOf(exchange, target);
  const uploaded = uploads.parts(upload);
  const parts = chosenParts(listed, uploaded, upload);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  checkWhole(exchange, size, upload.checksumType);
  store.check(bucket, key, condition);

  const digest = startDigest(upload.algorithm);
  async function* bytes(): AsyncGenerator<Buffer> {
    for await (const chunk of uploads.bytesOf(upload, parts, () => noSuchUpload(upload.id))) {
      if (upload.checksumType === 'FULL_OBJECT') digest.update(chunk);
      yield chunk;
    }
  }
  const body = await store.bodies.receive(bytes());
  const checksum: Checksum =
    upload.checksumType === 'COMPOSITE'
      ? await compositeOf(
          upload.algorithm,
          parts.map((part) => part.checksum.value),
        )
      : {
          algorithm: upload.algorithm,
          type: 'FULL_OBJECT',
          value: (await digest.digest()).toString('base64'),
        };
  if (
    claimed !== undefined &&
    (claimed.algorithm !== checksum.algorithm || claimed.value !== checksum.value)
  ) {
    await store.bodies.remove(body.file);
    throw new S3Error(
      'BadDigest',
      `The ${claimed.algorithm} you specified did not match the calculated checksum.`,
    );
  }
  const md5 = startDigest('MD5');
  for (const part of parts) md5.update(Buffer.from(part.etag, 'hex'));
  const etag = `${(await md5.digest()).toString('hex')}-${parts.length}`;
  const { description, tags, lock = {} } = upload;
  const kept = parts.map((part) => ({
    number: part.number,
    etag: part.etag,
    size: part.size,
    checksum: part.checksum,
  }));
  const version = await store.put(
    {
      bucket,
      key,
      etag,
      description,
      checksum,
      tags,
      body,
      lock,
      uploaded: { upload: upload.id, parts: kept },
    },
    condition,
    occasion,
    'CompleteMultipartUpload',
    () => {
      if (!uploads.forget(upload)) throw noSuchUpload(upload.id);
    },
  );
  await uploads.discard(uploaded);
  return version;
}

export async function completeMultipartUpload(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity } = exchange;
  const condition = writeCondition(request);
  demandWrite(exchange, target.arn, [], condition);
  const id = request.query.get('uploadId') ?? '';
  const listed = listedParts(await readText(request, identity.payload, { ownChecksum: false }), id);
  const before = repeated(exchange, target, id, listed);
  if (before !== undefined) return completed(exchange, before);
  try {
    return completed(exchange, await assemble(exchange, target, listed, condition));
  } catch (error) {
    // The same request may have come twice, and the other has completed it meanwhile.
    const other = repeated(exchange, target, id, listed);
    if (other === undefined) throw error;
    return completed(exchange, other);
  }
}

export async function abortMultipartUpload(exchange: Exchange, target: Target): Promise<Answer> {
  const { store, uploads } = exchange;
  demand(exchange, 's3:AbortMultipartUpload', target.arn);
  const upload = uploadOf(exchange, target);
  const parts = uploads.parts(upload);
  store.transaction(() => uploads.forget(upload));
  await uploads.discard(parts);
  return { status: 204, headers: {} };
}

export async function listParts(exchange: Exchange, target: Target): Promise<Answer> {
  const { query } = exchange.request;
  demand(exchange, 's3:ListMultipartUploadParts', target.arn);
  const upload = uploadOf(exchange, target);
  const marker = integerParameter(query, 'part-number-marker', 0, MAX_PART_NUMBER);
  const max = integerParameter(query, 'max-parts', MAX_LISTED_PARTS, MAX_LISTED_PARTS);
  const later = exchange.uploads.parts(upload).filter(({ number }) => number > marker);
  const parts = later.slice(0, max);
  return xmlAnswer('ListPartsResult', {
    Bucket: upload.bucket,
    Key: upload.key,
    UploadId: upload.id,
    StorageClass: upload.description.headers['x-amz-storage-class'] ?? 'STANDARD',
    ...(upload.algorithmChosen && { ChecksumAlgorithm: upload.algorithm, ChecksumType: upload.checksumType }),
    PartNumberMarker: marker,
    NextPartNumberMarker: parts.at(-1)?.number ?? 0,
    MaxParts: max,
    IsTruncated: parts.length < later.length,
    Part: parts.map((part) => ({
      PartNumber: part.number,
      LastModified: isoDate(part.modified),
      ETag: quoted(part.etag),
      Size: part.size,
      [checksumElement(part.checksum.algorithm)]: part.checksum.value,
    })),
  });
}
