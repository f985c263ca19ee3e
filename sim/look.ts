import { createHash } from 'node:crypto';
import type { Looked } from '../lib/images/decode/looked.ts';

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const END = 'IEND';

/**
 * What the decoder would say, for worlds in which no image is decoded: a PNG that reaches its end is valid, blank if it
 * says so, and anything else is quarantined. Its rendition is a few bytes that follow from the image.
 */
export function looked(image: Uint8Array): Looked {
  const bytes = Buffer.from(image);
  const none = { width: 0, height: 0, animated: false, alpha: false, c2pa: false };
  const facts = { ...none, blank: bytes.includes('blank'), processorMs: 1, peakMemoryMb: 1 };
  if (bytes.length === 0) return { ...facts, verdict: 'quarantined', format: 'unknown', reason: 'empty' };
  if (!bytes.subarray(0, 8).equals(PNG))
    return { ...facts, verdict: 'quarantined', format: 'unknown', reason: 'not-an-image' };
  const size = { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  if (bytes.toString('latin1', bytes.length - 8, bytes.length - 4) !== END)
    return { ...facts, ...size, verdict: 'quarantined', format: 'png', reason: 'truncated' };
  const rendition = Buffer.from(`RIFF${createHash('sha256').update(bytes).digest('hex')}WEBP`);
  return { ...facts, ...size, verdict: 'ok', format: 'png', rendition };
}
