import type { S3Client } from '@aws-sdk/client-s3';
import { XMLParser } from 'fast-xml-parser';
import { clientFor, type WireRequest, wire } from './wire.ts';

/** What a server answered, with everything taken out that differs from run to run. */
export type Outcome = { [name: string]: unknown };

/** One call of the conformance list, run in order with all others against the same endpoint. */
export interface Call {
  name: string;
  run(api: Api): Promise<Outcome>;
}

/** Fields that name one request or one moment, or the machine. */
const DROPPED = new Set([
  '$metadata',
  'RequestId',
  'HostId',
  'requestId',
  'extendedRequestId',
  'cfId',
  'Owner',
  'Initiator',
  'Location',
]);
const TIMES = new Set(['LastModified', 'CreationDate', 'Initiated']);
const IDS: Record<string, string> = {
  VersionId: 'version',
  CopySourceVersionId: 'version',
  DeleteMarkerVersionId: 'version',
  NextVersionIdMarker: 'version',
  VersionIdMarker: 'version',
  UploadId: 'upload',
  NextContinuationToken: 'token',
  ContinuationToken: 'token',
};
/** Headers of raw answers that say something about the protocol. */
const HEADERS = [
  'accept-ranges',
  'allow',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'cache-control',
  'etag',
  'expires',
  'x-amz-bucket-region',
  'x-amz-copy-source-version-id',
  'x-amz-delete-marker',
  'x-amz-tagging-count',
  'x-amz-version-id',
];

/** Runs calls against one endpoint and keeps what later calls need, such as version ids. */
export class Api {
  readonly endpoint: string;
  readonly client: S3Client;
  /** Values that one call leaves for later ones. */
  readonly kept = new Map<string, string>();
  readonly #labels = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(endpoint: string, client = clientFor(endpoint)) {
    this.endpoint = endpoint;
    this.client = client;
  }

  /** The same id always gets the same label, numbered by first appearance: who is who stays visible. */
  #label(kind: string, value: string): string {
    if (value === '' || value === 'null') return value;
    const known = this.#labels.get(value);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const label = `<${kind} ${count}>`;
    this.#labels.set(value, label);
    return label;
  }

  #normal(value: unknown, name = ''): unknown {
    if (value instanceof Date || TIMES.has(name)) return '<time>';
    if (Array.isArray(value)) return value.map((item) => this.#normal(item, name));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value)
          .filter(([key, item]) => !DROPPED.has(key) && item !== undefined)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => [key, this.#normal(item, key)]),
      );
    }
    const kind = IDS[name];
    return kind !== undefined && typeof value === 'string' ? this.#label(kind, value) : value;
  }

  /** An SDK call: its output, or the error's name and status. `keep` may take values from the raw output. */
  readonly sdk = async <Output extends { $metadata: { httpStatusCode?: number }; Body?: unknown }>(
    sending: Promise<Output>,
    keep: (output: Output) => void = () => {},
  ): Promise<Outcome> => {
    let output: Output;
    try {
      output = await sending;
    } catch (error) {
      const { name, $metadata, ...rest } = error as Error & { $metadata?: { httpStatusCode?: number } };
      if ($metadata === undefined) throw error;
      const details = Object.fromEntries(
        Object.entries(rest).filter(([key]) => key === 'Condition' || key === 'ActualObjectSize'),
      );
      return { error: name, status: $metadata.httpStatusCode, ...details };
    }
    keep(output);
    const { Body, ...fields } = output;
    const body = Body as { transformToString(): Promise<string> } | undefined;
    return {
      status: output.$metadata.httpStatusCode,
      ...(this.#normal(fields) as Outcome),
      ...(body !== undefined && { body: await body.transformToString() }),
    };
  };

  /** A request as it goes over the wire: status, telling headers, and the body, XML as its code or content. */
  readonly http = async (request: WireRequest): Promise<Outcome> => {
    const answer = await wire(this.endpoint, request);
    const text = answer.body.toString('utf8');
    const headers = Object.fromEntries(
      HEADERS.filter((name) => answer.headers[name] !== undefined).map((name) => [
        name,
        name.endsWith('version-id')
          ? this.#label('version', String(answer.headers[name]))
          : answer.headers[name],
      ]),
    );
    // XML differs in white space and in the order of elements.
    const xml = text.startsWith('<?xml');
    // Of a body that is empty or XML, length and type say nothing.
    if (
      xml ||
      (text === '' && request.method !== 'HEAD') ||
      (request.method === 'HEAD' && answer.status >= 400)
    )
      for (const name of ['content-length', 'content-type']) delete headers[name];
    const content = xml ? (new XMLParser({ parseTagValue: false }).parse(text) as Outcome) : {};
    delete content['?xml'];
    const error = (content.Error as { Code?: string } | undefined)?.Code;
    return {
      status: answer.status,
      headers,
      ...(error !== undefined ? { error } : xml ? { xml: this.#normal(content) } : { body: text }),
    };
  };
}

/** Runs all calls in order. */
export async function run(calls: readonly Call[], endpoint: string): Promise<Record<string, Outcome>> {
  const api = new Api(endpoint);
  const outcomes: Record<string, Outcome> = {};
  try {
    for (const call of calls) {
      if (outcomes[call.name] !== undefined)
        throw new Error(`Two conformance calls are named "${call.name}".`);
      // Through JSON, so that what is compared is what is recorded.
      outcomes[call.name] = JSON.parse(JSON.stringify(await call.run(api))) as Outcome;
    }
  } finally {
    api.client.destroy();
  }
  return outcomes;
}
