import type { Structure } from './structure.ts';

/** RFC 9649: RIFF chunks of type, length and data, padded to even lengths; ANMF chunks are an animation's frames. */
export function webp(bytes: Buffer): Structure {
  const structure: Structure = { whole: false, animated: false, c2pa: false };
  if (bytes.length < 20) return structure;
  const end = 8 + bytes.readUInt32LE(4);
  let frames = 0;
  let at = 12;
  while (at + 8 <= Math.min(end, bytes.length)) {
    const type = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    if (type === 'ANMF') frames += 1;
    // C2PA 2.1, appendix A.3.
    if (type === 'C2PA') structure.c2pa = true;
    at += 8 + length + (length % 2);
  }
  // Some writers leave the last byte of padding away.
  return { ...structure, whole: Math.min(at, end) <= bytes.length + 1, animated: frames > 1 };
}
