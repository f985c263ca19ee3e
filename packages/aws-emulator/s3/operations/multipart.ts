import { bucketArn, demand } from '../access.ts';
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
import { writeCondition } from '../conditions.ts';
import { invalidArgument, malformedXml, S3Error } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { describe } from '../metadata.ts';
import { whileReplaced } from '../readable.ts';
import { integerParameter } from '../request.ts';
import type { BucketSettings } from '../store.ts';
import { parseTagHeader } from '../tags.ts';
import type { Target } from '../target.ts';
import type { Part, Upload } from '../uploads.ts';
import { nodesOf, parse, textOf, type XmlNode } from '../xml.ts';
import { copySource, copySourceHeader } from './copy.ts';
import { demandWrite, writtenHeaders } from './put.ts';

const MAX_PART_NUMBER = 10_000;
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

function partNumber(exchange: Exchange): number {
  const text = exchange.request.query.get('partNumber') ?? '';
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > MAX_PART_NUMBER) {
    throw invalidArgument(
      `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
      'partNumber',
      text,
    );
  }
  return number;
}

export async function uploadPart(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity, store, uploads } = exchange;
  const number = partNumber(exchange);
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
  const number = partNumber(exchange);
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

/** The parts that the client lists, as they were uploaded. Throws MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall. */
function chosenParts(listed: readonly XmlNode[], uploaded: readonly Part[], upload: Upload): Part[] {
  if (listed.length === 0) throw malformedXml();
  const byNumber = new Map(uploaded.map((part) => [part.number, part]));
  let previous = 0;
  const chosen = listed.map((node) => {
    const number = Number(textOf(node, 'PartNumber'));
    const etag = textOf(node, 'ETag')?.trim().replaceAll('"', '');
    if (!Number.isInteger(number) || etag === undefined) throw malformedXml();
    if (number <= previous) {
      throw new S3Error(
        'InvalidPartOrder',
        'The list of parts was not in ascending order. Parts must be ordered by part number.',
        {
          UploadId: upload.id,
        },
      );
    }
    previous = number;
    const part = byNumber.get(number);
    const checksums = ALGORITHMS.flatMap((algorithm) => textOf(node, checksumElement(algorithm)) ?? []);
    if (
      part === undefined ||
      part.etag !== etag ||
      checksums.some((value) => value !== part.checksum.value)
    ) {
      throw new S3Error(
        'InvalidPart',
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        { UploadId: upload.id, PartNumber: String(number), ETag: etag },
      );
    }
    return part;
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

export async function completeMultipartUpload(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity, store, uploads, occasion } = exchange;
  const { bucket, key, arn } = target;
  const condition = writeCondition(request);
  demandWrite(exchange, arn, [], condition);
  const upload = uploadOf(exchange, target);
  const claimed = ALGORITHMS.flatMap((algorithm) => {
    const value = request.header(checksumHeader(algorithm));
    return value === undefined ? [] : [{ algorithm, value }];
  })[0];
  const text = await readText(request, identity.payload, { ownChecksum: false });
  const uploaded = uploads.parts(upload);
  const parts = chosenParts(nodesOf(parse(text, 'CompleteMultipartUpload'), 'Part'), uploaded, upload);
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
  const { description, tags } = upload;
  const version = await store.put(
    { bucket, key, etag, description, checksum, tags, body },
    condition,
    occasion,
    'CompleteMultipartUpload',
    () => {
      // Another request completed or aborted it meanwhile.
      if (!uploads.forget(upload)) throw noSuchUpload(upload.id);
    },
  );
  await uploads.discard(uploaded);
  const { etag: __, ...written } = writtenHeaders(exchange, version);
  return xmlAnswer(
    'CompleteMultipartUploadResult',
    {
      Location: `http://${request.header('host') ?? ''}${request.path}`,
      Bucket: bucket,
      Key: key,
      ETag: quoted(etag),
      ChecksumType: checksum.type,
      [checksumElement(checksum.algorithm)]: checksum.value,
    },
    written,
  );
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

export async function listMultipartUploads(exchange: Exchange, { name }: BucketSettings): Promise<Answer> {
  demand(exchange, 's3:ListBucketMultipartUploads', bucketArn(name));
  const prefix = exchange.request.query.get('prefix') ?? '';
  const owner = { ID: exchange.accountId };
  return xmlAnswer('ListMultipartUploadsResult', {
    Bucket: name,
    Prefix: prefix,
    MaxUploads: 1000,
    IsTruncated: false,
    Upload: exchange.uploads.list(name, prefix).map((upload) => ({
      Key: upload.key,
      UploadId: upload.id,
      Initiator: owner,
      Owner: owner,
      StorageClass: upload.description.headers['x-amz-storage-class'] ?? 'STANDARD',
      Initiated: isoDate(upload.initiated),
    })),
  });
}
