import { Readable } from 'node:stream';
import type { FetchOutput, Source } from '../ports.ts';
import { SNIFF_BYTES } from './formats.ts';
import { allowedUrl, RefusedAddress } from './origins.ts';
import { OutputRejected, tooLarge } from './source.ts';

export interface OutputOptions {
  /** Where outputs may come from. */
  origins: string[];
  /** Larger outputs are refused. */
  maxBytes: number;
  signal: AbortSignal;
  fetchOutput: FetchOutput;
}

const DATA_URI = /^data:[^,]{0,200};base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Opens an output for reading: a URL of an allowed origin, or a `data:` URI.
 * @param use reads `body` to its end; what it returns is returned
 * @throws {OutputRejected} for what no retry changes; {@link OutputUnavailable}; anything else is worth a retry
 */
export async function withOutput<T>(
  address: string,
  { origins, maxBytes, signal, fetchOutput }: OutputOptions,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const useBytes = (source: Source) => {
    if (source.bytes === 0) throw new OutputRejected('the output is empty');
    return use(source);
  };
  if (/^data:/i.test(address)) return useBytes(decodeDataUri(address, maxBytes));
  try {
    return await fetchOutput(allowedUrl(address, origins), { maxBytes, signal }, useBytes);
  } catch (error) {
    if (error instanceof RefusedAddress) throw new OutputRejected(error.message);
    throw error;
  }
}

function decodeDataUri(address: string, maxBytes: number): Source {
  const prefix = DATA_URI.exec(address.slice(0, 256))?.[0];
  if (!prefix) throw new OutputRejected('the data: URI is not base64');
  const encoded = address.slice(prefix.length);
  if (!BASE64.test(encoded)) throw new OutputRejected('the data: URI is damaged');
  const body = Buffer.from(encoded, 'base64');
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return { head: body.subarray(0, SNIFF_BYTES), body: Readable.from([body]), bytes: body.length };
}
