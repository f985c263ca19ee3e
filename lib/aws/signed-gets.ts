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
    // Whoever signs sees the error.
    this.#bucketUrl.catch(() => {});
  }

  /** An address at which anybody may read the object, as far as its signer may, for `expiresIn` s after `signingDate`. */
  async presign(
    key: string,
    query: Query,
    options: { signingDate: Date; expiresIn: number },
  ): Promise<string> {
    const request = await this.#get(key, query);
    // Whoever opens the address sends no hash of the body that it has not.
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
