import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import { buildQueryString, extendedEncodeURIComponent, HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Presign, Time } from '../ports.ts';
import { systemTime } from '../system.ts';
import type { S3Store } from './objects.ts';

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
export function presigner({ client, bucket }: S3Store, time: Time = systemTime): Presign {
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
  return async (key) => {
    const { protocol, hostname, host, port, pathname } = (await endpoint).url;
    const request = new HttpRequest({
      method: 'GET',
      protocol,
      hostname,
      ...(port ? { port: Number(port) } : {}),
      path: `${pathname.replace(/\/$/, '')}/${key.split('/').map(extendedEncodeURIComponent).join('/')}`,
      query: { 'response-cache-control': CACHE },
      // A GET has no body, so the browser that opens the address sends no hash of one.
      headers: { host, 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' },
    });
    const signed = await signer.presign(request, {
      signingDate: new Date(Math.floor(time.now().getTime() / HOUR_MS) * HOUR_MS),
      expiresIn: (2 * HOUR_MS) / 1_000,
    });
    return `${signed.protocol}//${signed.headers.host}${signed.path}?${buildQueryString(signed.query ?? {})}`;
  };
}
