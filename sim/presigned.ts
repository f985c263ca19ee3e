import { createHash, createHmac } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../lib/aws/objects.ts';
import { uploadPresigner } from '../lib/aws/presigner.ts';
import type { PresignUpload } from '../lib/ports.ts';
import type { Kernel } from './kernel.ts';
import { type S3Model, s3Error } from './s3.ts';

const SECRET = 'simulated';
/** It signs, and sends nothing. */
const CLIENT = new S3Client({
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIASIMULATED', secretAccessKey: SECRET },
});
const presigner = (bucket: string, now: () => Date): PresignUpload =>
  uploadPresigner(new S3Store(CLIENT, bucket), { now } as never);
// The SDK reads its configuration once. From then on a signature is made without waiting for anything outside the world.
await presigner('none', () => new Date(0))('none', { bytes: 1, sha256: '' }, 1);

/** The presigner of `lib/`, by the clock of a world. */
export const presignerOf = (bucket: string, kernel: Kernel): PresignUpload =>
  presigner(bucket, () => new Date(kernel.now));

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** What signature V4 of a presigned address covers (Signature Version 4 in the S3 API reference). */
function signatureOf(url: URL, headers: Record<string, string>): string {
  const query = [...url.searchParams].filter(([name]) => name !== 'X-Amz-Signature');
  const of = (name: string) => url.searchParams.get(name) ?? '';
  const scope = of('X-Amz-Credential').split('/').slice(1);
  const signed = of('X-Amz-SignedHeaders').split(';');
  const canonical = [
    'PUT',
    url.pathname,
    query
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${name === 'host' ? url.host : (headers[name] ?? '').trim()}`),
    '',
    signed.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', of('X-Amz-Date'), scope.join('/')].concat(
    createHash('sha256').update(canonical).digest('hex'),
  );
  const key = scope.reduce<string | Buffer>((before, part) => hmac(before, part), `AWS4${SECRET}`);
  return hmac(key, text.join('\n')).toString('hex');
}

/**
 * S3 takes a PUT to a presigned address, with the rights of the function that signed it.
 * @throws what S3 answers with
 */
export function putPresigned(
  s3: S3Model,
  now: number,
  address: string,
  { 'content-encoding': contentEncoding, ...headers }: Record<string, string>,
  body: Buffer,
): void {
  const url = new URL(address);
  const of = (name: string) => url.searchParams.get(name) ?? '';
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(of('X-Amz-Date'))!;
  const signedAt = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const signed = of('X-Amz-SignedHeaders').split(';');
  const sent = { ...headers, 'content-length': String(body.length) };
  const isCovered = Object.keys(sent).every((name) => !name.startsWith('x-amz-') || signed.includes(name));
  if (now > signedAt + Number(of('X-Amz-Expires')) * 1_000 || !isCovered) throw s3Error('AccessDenied', 403);
  if (signatureOf(url, sent) !== of('X-Amz-Signature')) throw s3Error('SignatureDoesNotMatch', 403);
  const checksum = headers['x-amz-checksum-sha256'];
  if (checksum !== undefined && checksum !== createHash('sha256').update(body).digest('base64'))
    throw s3Error('BadDigest', 400);
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  s3.do('api#presigned', 'PutObjectCommand', {
    Bucket: url.host.split('.')[0],
    Key: decodeURIComponent(url.pathname.slice(1)),
    Body: body,
    ...(headers['if-none-match'] && { IfNoneMatch: headers['if-none-match'] }),
    ...(headers['x-amz-tagging'] && { Tagging: headers['x-amz-tagging'] }),
    ...(headers['content-type'] && { ContentType: headers['content-type'] }),
    ...(contentEncoding && { ContentEncoding: contentEncoding }),
    ...(checksum && { ChecksumAlgorithm: 'SHA256' }),
    Metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice('x-amz-meta-'.length), value])),
  });
}
