import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32cJs, Crc64NvmeJs } from '@aws-sdk/checksums/crc';

/** What S3 computes over an object, besides the MD5 in the ETag. */
export const ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** `COMPOSITE`: over the parts' checksums, its value ends in `-<number of parts>`. */
export interface Checksum {
  algorithm: Algorithm;
  type: 'FULL_OBJECT' | 'COMPOSITE';
  /** Base64. */
  value: string;
}

interface State {
  update(chunk: Uint8Array): void;
  digest(): Promise<Uint8Array>;
}
export interface Digest extends State {
  digest(): Promise<Buffer>;
}

const SIZES: Record<Algorithm, number> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };

/** The header that carries the algorithm's value, for instance `x-amz-checksum-crc32`. */
export const checksumHeader = (algorithm: Algorithm) => `x-amz-checksum-${algorithm.toLowerCase()}`;

/** The XML element that carries it, for instance `ChecksumCRC32`. */
export const checksumElement = (algorithm: Algorithm) => `Checksum${algorithm}`;

/** Undefined for a name that S3 does not know, or that this server does not compute. */
export function algorithmNamed(name: string): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
}

export const algorithmOfHeader = (header: string) =>
  ALGORITHMS.find((algorithm) => checksumHeader(algorithm) === header.toLowerCase());

/** True if the text is base64 of the algorithm's length. */
export function isChecksum(algorithm: Algorithm, value: string): boolean {
  return Buffer.from(value, 'base64').length === SIZES[algorithm] && /^[A-Za-z0-9+/]+=*$/.test(value);
}

const hash = (name: string) => (): State => {
  const state = createHash(name);
  return { update: (chunk) => void state.update(chunk), digest: async () => state.digest() };
};

const DIGESTS: Record<Algorithm | 'MD5', () => State> = {
  MD5: hash('md5'),
  SHA1: hash('sha1'),
  SHA256: hash('sha256'),
  CRC32() {
    let value = 0;
    return {
      update: (chunk) => {
        value = crc32(chunk, value);
      },
      digest: async () => Buffer.from(value.toString(16).padStart(8, '0'), 'hex'),
    };
  },
  CRC32C: () => new Crc32cJs(),
  CRC64NVME: () => new Crc64NvmeJs(),
};

/** A fresh computation over bytes that come in pieces. */
export const startDigest = (algorithm: Algorithm | 'MD5'): Digest => {
  const state = DIGESTS[algorithm]();
  return { update: (chunk) => state.update(chunk), digest: async () => Buffer.from(await state.digest()) };
};

/** The composite checksum of a multipart object: the algorithm over the parts' raw checksums. */
export async function compositeOf(algorithm: Algorithm, parts: readonly string[]): Promise<Checksum> {
  const digest = startDigest(algorithm);
  for (const part of parts) digest.update(Buffer.from(part, 'base64'));
  return {
    algorithm,
    type: 'COMPOSITE',
    value: `${(await digest.digest()).toString('base64')}-${parts.length}`,
  };
}
