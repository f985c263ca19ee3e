import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import { buildQueryString, extendedEncodeURIComponent, HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Presign, PresignUpload, Time } from '../ports.ts';
import { systemTime } from '../system.ts';
import { encodeTags, type S3Store } from './objects.ts';

const HOUR_MS = 3_600_000;
/** Objects never change, and a browser asks again for what has no such header. */
const CACHE = 'private, max-age=3600, immutable';

/**
 * Addresses at which a browser may read an object. They are signed as of the full hour and live for two, so that
 * within an hour one signer gives the same address again and a browser can cache it. On Lambda each execution environment is a signer
 * with credentials of its own: another gives another address, and an address dies with the credentials, often sooner than in an hour. S3 then
 * answers 400 instead of 403, and callers request a new one (docs/decisions/0138). Whether
 * the object may be read is decided when it is read: the bucket shows nobody an image that is not `ok`.
 *
 * The SDK's own presigner takes each address through the steps of a command, which cost several times the signature, and
 * a page of the API has hundreds of addresses (docs/decisions/0085).
 */
export function presigner(store: S3Store, time: Time = systemTime): Presign {
  const { signer, requestTo, addressOf } = signingFor(store);
  return async (key) => {
    // A GET has no body, so the browser that opens the address sends no hash of one.
    const request = await requestTo('GET', key, UNSIGNED, { 'response-cache-control': CACHE });
    const signed = await signer.presign(request, {
      signingDate: new Date(Math.floor(time.now().getTime() / HOUR_MS) * HOUR_MS),
      expiresIn: (2 * HOUR_MS) / 1_000,
    });
    return addressOf(signed);
  };
}

/**
 * Addresses at which one file may be written, once. The headers that S3 checks are signed: the length and the SHA-256
 * admit no other bytes, `If-None-Match` no second upload, and tags, type and metadata are those given here. An
 * address is good for nothing else.
 */
export function uploadPresigner(store: S3Store, time: Time = systemTime): PresignUpload {
  const { signer, requestTo, addressOf } = signingFor(store);
  return async (key, { bytes, sha256, contentType, contentDisposition, metadata = {}, tags }, seconds) => {
    const headers: Record<string, string> = {
      'content-length': String(bytes),
      'if-none-match': '*',
      'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
      ...(contentType ? { 'content-type': contentType } : {}),
      ...(contentDisposition ? { 'content-disposition': contentDisposition } : {}),
      ...(tags ? { 'x-amz-tagging': encodeTags(tags) } : {}),
      ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
    };
    const request = await requestTo('PUT', key, { ...headers, ...UNSIGNED });
    const signed = await signer.presign(request, {
      signingDate: time.now(),
      expiresIn: seconds,
      // In the query S3 would not take all of them for what they are.
      unhoistableHeaders: new Set(Object.keys(headers)),
    });
    return { url: addressOf(signed), headers };
  };
}

/** The hash of the body is not part of the signature: a checksum that S3 verifies is. */
const UNSIGNED = { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' };

/** What signs requests to one bucket. */
function signingFor({ client, bucket }: S3Store) {
  const { region, credentials, sha256 } = client.config;
  // S3 alone wants a path that is encoded once.
  const signer = new SignatureV4({ service: 's3', region, credentials, sha256, uriEscapePath: false });
  const endpoint = getEndpointFromInstructions(
    { Bucket: bucket },
    GetObjectCommand,
    // It writes what it finds out into what it is given.
    { ...client.config } as never,
  );
  // The caller that signs sees the error.
  endpoint.catch(() => {});
  const requestTo = async (
    method: string,
    key: string,
    headers: Record<string, string>,
    query: Record<string, string> = {},
  ) => {
    const { protocol, hostname, host, port, pathname } = (await endpoint).url;
    return new HttpRequest({
      method,
      protocol,
      hostname,
      ...(port ? { port: Number(port) } : {}),
      path: `${pathname.replace(/\/$/, '')}/${key.split('/').map(extendedEncodeURIComponent).join('/')}`,
      query,
      headers: { host, ...headers },
    });
  };
  const addressOf = ({ protocol, headers, path, query }: Awaited<ReturnType<typeof signer.presign>>) =>
    `${protocol}//${headers.host}${path}?${buildQueryString(query ?? {})}`;
  return { signer, requestTo, addressOf };
}
