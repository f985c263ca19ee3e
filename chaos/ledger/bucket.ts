import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

/** An object as the bucket lists it. */
export interface Listed {
  key: string;
  bytes: number;
  /** How often it was written; facts are written once. */
  versions: number;
}

/** All current objects of a bucket, by key. */
export async function listBucket(s3: S3Client, Bucket: string): Promise<Map<string, Listed>> {
  const versions = new Map<string, number>();
  const current = new Map<string, number>();
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  do {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket, KeyMarker, VersionIdMarker }));
    for (const { Key = '', IsLatest, Size = 0 } of page.Versions ?? []) {
      versions.set(Key, (versions.get(Key) ?? 0) + 1);
      if (IsLatest) current.set(Key, Size);
    }
    KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
    VersionIdMarker = page.NextVersionIdMarker;
  } while (KeyMarker !== undefined);
  return new Map([...current].map(([key, bytes]) => [key, { key, bytes, versions: versions.get(key) ?? 0 }]));
}

/** The JSON of an object, or undefined if there is no object. */
// biome-ignore lint/suspicious/noExplicitAny: records are read as they are, not as the pipeline declares them
export async function readJson(s3: S3Client, Bucket: string, Key: string): Promise<any> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return JSON.parse((await Body?.transformToString()) ?? '');
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}

/** Hex SHA-256 of the bytes that the bucket returns. */
export async function sha256Of(s3: S3Client, Bucket: string, Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  const hash = createHash('sha256');
  for await (const piece of Body as AsyncIterable<Uint8Array>) hash.update(piece);
  return hash.digest('hex');
}

export async function tagsOf(s3: S3Client, Bucket: string, Key: string): Promise<Record<string, string>> {
  const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
  return Object.fromEntries((TagSet ?? []).map(({ Key: name, Value }) => [name, Value ?? '']));
}

export async function metadataOf(s3: S3Client, Bucket: string, Key: string): Promise<Record<string, string>> {
  return (await s3.send(new HeadObjectCommand({ Bucket, Key }))).Metadata ?? {};
}
