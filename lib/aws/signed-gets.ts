import { text } from 'node:stream/consumers';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import {
  buildQueryString,
  extendedEncodeURIComponent,
  HttpRequest,
  type HttpResponse,
} from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Presign, RecordReader, Time } from '../ports.ts';
import { systemTime } from '../system.ts';
import type { S3Store } from './objects.ts';

/** Query parameters of a GET, such as `response-cache-control`. */
type Query = Record<string, string>;

/**
 * GETs of one bucket's objects, signed by the SDK's signer and past the steps that its client takes for each
 * command: those cost several times the signature and the request together, and a page of the API makes two
 * hundred (docs/decisions/0085).
 */
export class SignedGets {
  readonly #client: S3Client;
  readonly #signer: SignatureV4;
  readonly #bucketUrl: Promise<URL>;

  constructor(client: S3Client, bucket: string) {
    const { region, credentials, sha256 } = client.config;
    this.#client = client;
    // S3 alone wants a path that is encoded once.
    this.#signer = new SignatureV4({ service: 's3', region, credentials, sha256, uriEscapePath: false });
    this.#bucketUrl = getEndpointFromInstructions(
      { Bucket: bucket },
      GetObjectCommand,
      // It writes what it finds out into what it is given.
      { ...client.config } as never,
    ).then(({ url }) => url);
    // The caller that signs sees the error.
    this.#bucketUrl.catch(() => {});
  }

  /** An address at which anybody may read the object, as far as its signer may, for `expiresIn` s after `signingDate`. */
  async presign(
    key: string,
    query: Query,
    options: { signingDate: Date; expiresIn: number },
  ): Promise<string> {
    const request = await this.#get(key, query);
    // A GET has no body, so the browser that opens the address sends no hash of one.
    request.headers['X-Amz-Content-Sha256'] = 'UNSIGNED-PAYLOAD';
    const { protocol, headers, path, query: signed } = await this.#signer.presign(request, options);
    return `${protocol}//${headers.host}${path}?${buildQueryString(signed ?? {})}`;
  }

  /**
   * The text of an object.
   * @throws {Error} for any answer but 200, and where none comes; tried once
   */
  async read(key: string): Promise<string> {
    const request = (await this.#signer.sign(await this.#get(key, {}))) as HttpRequest;
    const { response } = (await this.#client.config.requestHandler.handle(request)) as {
      response: HttpResponse;
    };
    const body = await text(response.body);
    if (response.statusCode !== 200) throw new Error(`S3 answered ${response.statusCode} for ${key}`);
    return body;
  }

  async #get(key: string, query: Query): Promise<HttpRequest> {
    const { protocol, hostname, host, port, pathname } = await this.#bucketUrl;
    const path = key.split('/').map(extendedEncodeURIComponent).join('/');
    return new HttpRequest({
      method: 'GET',
      protocol,
      hostname,
      ...(port ? { port: Number(port) } : {}),
      path: `${pathname.replace(/\/$/, '')}/${path}`,
      query,
      headers: { host },
    });
  }
}

/**
 * Reads JSON records that a LIST has just shown, as many at once as one likes. Any answer but the record (it is gone
 * by now, S3 wants to be asked more slowly, the connection broke) is left to the client, which knows what it means and
 * when to try again.
 */
export function recordReader(store: S3Store): RecordReader {
  const gets = new SignedGets(store.client, store.bucket);
  return async <T>(key: string) => {
    const text = await gets.read(key).catch(() => undefined);
    return text === undefined ? (await store.readJson<T>(key))?.value : (JSON.parse(text) as T);
  };
}

const HOUR_MS = 3_600_000;
/** Objects never change, and a browser asks again for what has no such header. */
const CACHE = 'private, max-age=3600, immutable';

/**
 * Addresses at which a browser may read an object. They are signed as of the full hour and live for two, so that
 * within an hour the address is the same, a browser can cache it, and it always lives for an hour more. Whether
 * the object may be read is decided when it is read: the bucket shows nobody an image that is not `ok`.
 */
export function presigner({ client, bucket }: S3Store, time: Time = systemTime): Presign {
  const gets = new SignedGets(client, bucket);
  return (key) =>
    gets.presign(
      key,
      { 'response-cache-control': CACHE },
      {
        signingDate: new Date(Math.floor(time.now().getTime() / HOUR_MS) * HOUR_MS),
        expiresIn: (2 * HOUR_MS) / 1_000,
      },
    );
}
