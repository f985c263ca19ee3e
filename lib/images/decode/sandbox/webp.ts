import type { Size, Structure } from './structure.ts';

/** Width and height as the first chunk states them. */
function sizeOf(bytes: Buffer): Size | undefined {
  if (bytes.length < 30) return undefined;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
    }
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    default:
      return undefined;
  }
}

/** RFC 9649: RIFF chunks of type, length and data, padded to even lengths; ANMF chunks are an animation's frames. */
export function webp(bytes: Buffer): Structure {
  const structure: Structure = { whole: false, animated: false, c2pa: false, size: sizeOf(bytes) };
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
