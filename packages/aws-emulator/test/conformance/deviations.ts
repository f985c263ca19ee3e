import type { Outcome } from './recorder.ts';

/** Where moto's server answers otherwise than S3, whose documentation then decides. */
export interface Deviation {
  /** What S3 does, and where that is said. Names are those of pages of the S3 API reference unless said otherwise. */
  because: string;
  /** What S3 answers, made from what moto answered. */
  s3(recorded: Outcome): Outcome;
}

const refused = (error: string, status: number): Deviation['s3'] => {
  return () => ({ error, status });
};
const refusedOnTheWire = (error: string, status: number, headers: Outcome = {}): Deviation['s3'] => {
  return () => ({ status, headers, error });
};
const also = (fields: Outcome): Deviation['s3'] => {
  return (recorded) => ({ ...recorded, ...fields });
};

/**
 * Fields that S3 answers with and moto leaves out: wherever moto has none, ours is not compared.
 * Encryption by default stands in "Setting default server-side encryption behavior" of the user guide, checksums
 * by default in "Checking object integrity".
 */
export const UNSAID_BY_MOTO: readonly string[] = [
  'ServerSideEncryption',
  'ChecksumAlgorithm',
  'ChecksumType',
  'ChecksumCRC64NVME',
];

export const DEVIATIONS: Readonly<Record<string, Deviation>> = {
  'put with a wrong Content-MD5': {
    because: 'The MD5 is verified: BadDigest ("Error responses").',
    s3: refusedOnTheWire('BadDigest', 400),
  },
  'put with a wrong checksum': {
    because: 'The checksum is verified: BadDigest ("Checking object integrity").',
    s3: refused('BadDigest', 400),
  },
  'put with metadata beyond 2 KB': {
    because: 'User metadata is limited to 2 KB: MetadataTooLarge ("Error responses").',
    s3: refused('MetadataTooLarge', 400),
  },
  'put with a key of 1025 bytes': {
    because: 'Keys are limited to 1024 bytes: KeyTooLongError ("Error responses").',
    s3: refused('KeyTooLongError', 400),
  },
  'get with other response headers': {
    because: 'response-… parameters replace the headers of the answer ("GetObject").',
    s3: also({
      CacheControl: 'no-cache',
      ContentDisposition: 'attachment; filename="x y.png"',
      ContentLanguage: 'de',
      ContentType: 'image/png',
    }),
  },
  'replace tags': {
    because: 'x-amz-version-id names the version that was tagged ("PutObjectTagging").',
    s3: also({ VersionId: '<version 1>' }),
  },
  'ten tags': {
    because: 'x-amz-version-id names the version that was tagged ("PutObjectTagging").',
    s3: also({ VersionId: '<version 3>' }),
  },
  'delete tags': {
    because: 'x-amz-version-id names the version that lost its tags ("DeleteObjectTagging").',
    s3: also({ VersionId: '<version 3>' }),
  },
  'the same tag twice': {
    because: 'Tag keys are unique: InvalidTag ("PutObjectTagging").',
    s3: refusedOnTheWire('InvalidTag', 400),
  },
  'tags that are not XML': {
    because: 'MalformedXML ("PutObjectTagging").',
    s3: refusedOnTheWire('MalformedXML', 400),
  },
  'put with the same tag twice': {
    because: 'Tag keys are unique, in the header too: InvalidArgument.',
    s3: refused('InvalidArgument', 400),
  },
  'copy with If-Match on the source that does not hold': {
    because: 'x-amz-copy-source-if-match is honored: 412 ("CopyObject").',
    s3: () => ({ error: 'PreconditionFailed', status: 412, Condition: 'x-amz-copy-source-If-Match' }),
  },
  'copy once, second': {
    because: 'If-None-Match is honored on the destination: 412 ("CopyObject").',
    s3: () => ({ error: 'PreconditionFailed', status: 412, Condition: 'If-None-Match' }),
  },
  'list two, second page': {
    because: 'The token that was sent is given back ("ListObjectsV2").',
    s3: also({ ContinuationToken: '<token 1>' }),
  },
  'list two by delimiter, second page': {
    because: 'The token that was sent is given back ("ListObjectsV2").',
    s3: also({ ContinuationToken: '<token 3>' }),
  },
  'list with encoded keys': {
    because:
      'Keys are encoded like form fields, a space as +, with / and * left as they are ("ListObjectsV2", EncodingType).',
    s3: (recorded) => ({
      ...recorded,
      Contents: (recorded.Contents as Outcome[]).map((entry) => ({
        ...entry,
        Key: 'awkward/a+b/%C3%A9%2B%C3%BC%2520%26%3D%3F%23%7E*.txt',
      })),
    }),
  },
  'get under a delete marker': {
    because: 'The answer names the delete marker ("Working with delete markers", user guide).',
    s3: also({ headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': '<version 19>' } }),
  },
  'get of a delete marker by its version': {
    because: '405 with Allow: DELETE ("Working with delete markers", user guide).',
    s3: refusedOnTheWire('MethodNotAllowed', 405, {
      allow: 'DELETE',
      'x-amz-delete-marker': 'true',
      'x-amz-version-id': '<version 19>',
    }),
  },
  'delete of the delete marker': {
    because: 'x-amz-delete-marker says that what was deleted was a marker ("DeleteObject").',
    s3: also({ DeleteMarker: true }),
  },
  'delete of several, quietly': {
    because: 'In quiet mode only errors are answered ("DeleteObjects").',
    s3: ({ status }) => ({ status }),
  },
  'delete of several without a checksum': {
    because: 'Content-MD5 or a checksum is required ("DeleteObjects").',
    s3: refusedOnTheWire('InvalidRequest', 400),
  },
  'delete of several with a wrong Content-MD5': {
    because: 'The MD5 is verified: BadDigest ("Error responses").',
    s3: refusedOnTheWire('BadDigest', 400),
  },
  'delete of several that is not XML': {
    because: 'MalformedXML ("Error responses").',
    s3: refusedOnTheWire('MalformedXML', 400),
  },
  'copy into part 3': {
    because: 'x-amz-copy-source-version-id names the version that was copied ("UploadPartCopy").',
    s3: also({ CopySourceVersionId: '<version 4>' }),
  },
  'list parts': {
    because: 'Parts are listed with the checksums they came with ("ListParts").',
    s3: (recorded) => ({
      ...recorded,
      Parts: (recorded.Parts as Outcome[]).map((part, index) => ({
        ...part,
        ...[{ ChecksumCRC32: '67XDxA==' }, { ChecksumCRC32: 'jCdSFw==' }, {}][index],
      })),
    }),
  },
  'upload a part after the end': {
    because: 'NoSuchUpload: it was completed ("Error responses").',
    s3: refused('NoSuchUpload', 404),
  },
  'delete of a missing key': {
    because:
      'Where versions are kept, deleting makes a marker whether or not there was an object ("Working with delete markers").',
    s3: also({ DeleteMarker: true, VersionId: '<version 22>' }),
  },
};
