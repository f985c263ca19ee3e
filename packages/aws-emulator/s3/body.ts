import type { IncomingMessage } from 'node:http';
import { askForBody } from '../expect.ts';
import type { Payload } from './authenticate.ts';
import {
  ALGORITHMS,
  type Algorithm,
  algorithmNamed,
  algorithmOfHeader,
  type Checksum,
  checksumHeader,
  type Digest,
  isChecksum,
  startDigest,
} from './checksums.ts';
import { decodeChunked, incompleteBody, malformedTrailer } from './chunked.ts';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** Largest body of one request, 5 GiB. */
export const MAX_BODY_BYTES = 5 * 1024 ** 3;
/** Largest XML document: a DeleteObjects of 1000 keys of 1024 escaped bytes fits, S3 allows no more. */
const MAX_XML_BYTES = 8 * 1024 ** 2;

/** A body as it is read: the bytes, and after the last of them, what was computed over them. */
export interface IncomingBody {
  /** Bytes the client announced, without framing. */
  length: number;
  /** Yields the bytes once; throws S3Error at the end if a claim of the client about them is wrong. */
  chunks(): AsyncGenerator<Buffer>;
  /** Only after `chunks` has ended: hex MD5, and the checksum to keep. */
  result(): { md5: string; checksum: Checksum };
}

/** What the client claims about the body's checksum, before the body was read. */
interface Claim {
  algorithm: Algorithm;
  /** Undefined: comes in the trailer. */
  value: string | undefined;
}

function announcedLength(request: S3Request, payload: Payload): number {
  const text = request.header(payload.kind === 'chunked' ? 'x-amz-decoded-content-length' : 'content-length');
  if (text === undefined || !/^\d+$/.test(text)) {
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  const length = Number(text);
  if (length > MAX_BODY_BYTES) {
    throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
      ProposedSize: text,
      MaxSizeAllowed: String(MAX_BODY_BYTES),
    });
  }
  return length;
}

const invalidChecksum = (header: string) =>
  new S3Error('InvalidRequest', `Value for ${header} header is invalid.`);

/** Undefined when the client says nothing. Throws InvalidRequest. */
export function checksumClaim(request: S3Request): Claim | undefined {
  const names = Object.keys(request.headers).filter(
    (name) =>
      name.startsWith('x-amz-checksum-') &&
      !['x-amz-checksum-algorithm', 'x-amz-checksum-type', 'x-amz-checksum-mode'].includes(name),
  );
  const trailer = request.header('x-amz-trailer')?.trim().toLowerCase();
  if (names.length > 1 || (names.length === 1 && trailer?.startsWith('x-amz-checksum-'))) {
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const hint = request.header('x-amz-sdk-checksum-algorithm');
  const header = names[0] ?? trailer;
  if (header === undefined) {
    if (hint !== undefined) {
      throw new S3Error(
        'InvalidRequest',
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
      );
    }
    return undefined;
  }
  const algorithm = algorithmOfHeader(header);
  if (algorithm === undefined) {
    throw new S3Error('InvalidRequest', `The value specified in the x-amz-trailer header is not supported`);
  }
  if (hint !== undefined && algorithmNamed(hint) !== algorithm) {
    throw new S3Error('InvalidRequest', 'Value for x-amz-sdk-checksum-algorithm header is invalid.');
  }
  const value = names[0] === undefined ? undefined : request.header(header);
  if (value !== undefined && !isChecksum(algorithm, value)) throw invalidChecksum(header);
  return { algorithm, value };
}

/** The algorithm that a copy or an upload in parts asks for. Throws InvalidRequest. */
export function chosenAlgorithm(request: S3Request): Algorithm | undefined {
  const name = request.header('x-amz-checksum-algorithm');
  const algorithm = algorithmNamed(name ?? '');
  if (name === undefined || algorithm !== undefined) return algorithm;
  throw new S3Error(
    'InvalidRequest',
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${ALGORITHMS.join(', ')}]`,
  );
}

function contentMd5(request: S3Request): Buffer | undefined {
  const text = request.header('content-md5');
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 16)
    throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.', { 'Content-MD5': text });
  return bytes;
}

/** The message's bytes. An early end does not close the connection, so that an error can still be answered. */
async function* raw(message: IncomingMessage): AsyncGenerator<Buffer> {
  askForBody(message);
  try {
    for await (const chunk of message.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch {
    throw incompleteBody();
  }
  if (!message.complete) throw incompleteBody();
}

interface BodyOptions {
  /** Algorithm to compute when the client names none; S3 keeps a CRC64NVME of every object. */
  fallback?: Algorithm;
  /** False: a checksum in the headers is not of this body, but of the object it completes. */
  ownChecksum?: boolean;
}

/** Prepares to read the request's body, checking what its headers say first. */
export function openBody(request: S3Request, payload: Payload, options: BodyOptions = {}): IncomingBody {
  const { fallback = 'CRC64NVME', ownChecksum = true } = options;
  const length = announcedLength(request, payload);
  const claim = ownChecksum ? checksumClaim(request) : undefined;
  const claimedMd5 = contentMd5(request);
  const algorithm = claim?.algorithm ?? fallback;
  const digests = new Map<Algorithm | 'MD5', Digest>(
    (['MD5', algorithm, ...(payload.kind === 'hashed' ? (['SHA256'] as const) : [])] as const).map((name) => [
      name,
      startDigest(name),
    ]),
  );
  let trailing: string | undefined;
  let outcome: { md5: string; checksum: Checksum } | undefined;

  async function verify(): Promise<void> {
    const values = new Map<Algorithm | 'MD5', Buffer>();
    for (const [name, digest] of digests) values.set(name, await digest.digest());
    if (payload.kind === 'hashed') {
      const actual = values.get('SHA256')!.toString('hex');
      if (actual !== payload.sha256) {
        throw new S3Error(
          'XAmzContentSHA256Mismatch',
          "The provided 'x-amz-content-sha256' header does not match what was computed.",
          {
            ClientComputedContentSHA256: payload.sha256,
            S3ComputedContentSHA256: actual,
          },
        );
      }
    }
    const md5 = values.get('MD5')!;
    if (claimedMd5 !== undefined && !claimedMd5.equals(md5)) {
      throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.', {
        ExpectedDigest: claimedMd5.toString('base64'),
        CalculatedDigest: md5.toString('base64'),
      });
    }
    const value = values.get(algorithm)!.toString('base64');
    if (claim !== undefined) {
      const claimed = claim.value ?? trailing;
      if (claimed === undefined) throw malformedTrailer();
      if (!isChecksum(algorithm, claimed)) throw invalidChecksum(checksumHeader(algorithm));
      if (claimed !== value) {
        throw new S3Error(
          'BadDigest',
          `The ${algorithm} you specified did not match the calculated checksum.`,
        );
      }
    }
    outcome = { md5: md5.toString('hex'), checksum: { algorithm, type: 'FULL_OBJECT', value } };
  }

  return {
    length,
    async *chunks() {
      const source =
        payload.kind === 'chunked'
          ? decodeChunked(raw(request.message), {
              signer: payload.signer,
              trailer: payload.trailer,
              onTrailer: (name, value) => {
                if (name === checksumHeader(algorithm)) trailing = value;
              },
            })
          : raw(request.message);
      let received = 0;
      for await (const chunk of source) {
        received += chunk.length;
        if (received > length) throw incompleteBody();
        for (const digest of digests.values()) digest.update(chunk);
        yield chunk;
      }
      if (received !== length) throw incompleteBody();
      await verify();
    },
    result() {
      if (outcome === undefined)
        throw new Error('The body was not read to its end before its result was asked for.');
      return outcome;
    },
  };
}

/** The whole of a small body, as text. Throws MaxMessageLengthExceeded and what `openBody` throws. */
export async function readText(
  request: S3Request,
  payload: Payload,
  options: BodyOptions = {},
): Promise<string> {
  const body = openBody(request, payload, { fallback: 'CRC32', ...options });
  if (body.length > MAX_XML_BYTES) throw new S3Error('MaxMessageLengthExceeded', 'Your request was too big.');
  const chunks: Buffer[] = [];
  for await (const chunk of body.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
