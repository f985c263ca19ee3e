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

/** Type, parameters and encoding (RFC 2397). Each may be missing. */
const DATA_URI = /^data:([^,]{0,200}),/i;
const IS_BASE64 = /;\s*base64\s*$/i;
/** With the alphabet for addresses too (RFC 4648, section 5). */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

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
  const header = DATA_URI.exec(address.slice(0, 256));
  if (!header) throw new OutputRejected('the data: URI has no data, or more than 200 characters before it');
  const data = address.slice(header[0].length);
  // Three bytes are at most twelve characters, `%41%41%41%41`: what is longer need not be decoded to be refused.
  if (data.length > maxBytes * 4) throw tooLarge(maxBytes);
  const body = IS_BASE64.test(header[1]!) ? decodeBase64(data) : percentDecoded(data);
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return { head: body.subarray(0, SNIFF_BYTES), body: Readable.from([body]), bytes: body.length };
}

/** Of base64 in lines, percent-encoded or not. */
function decodeBase64(data: string): Buffer {
  const encoded = (data.includes('%') ? percentDecoded(data).toString('latin1') : data).replace(/\s+/g, '');
  if (!BASE64.test(encoded)) throw new OutputRejected('the data: URI is damaged');
  return Buffer.from(encoded, 'base64');
}

/** A percent sign that encodes nothing, as in `width="100%"`, stays. */
function percentDecoded(data: string): Buffer {
  const bytes = Buffer.from(data);
  if (!data.includes('%')) return bytes;
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] === 0x25 ? Number.parseInt(bytes.toString('latin1', i + 1, i + 3), 16) : Number.NaN;
    const isEncoded = byte >= 0 && /^[\da-f]{2}$/i.test(bytes.toString('latin1', i + 1, i + 3));
    bytes[length++] = isEncoded ? byte : bytes[i]!;
    if (isEncoded) i += 2;
  }
  return bytes.subarray(0, length);
}
