import type { Size, Structure } from './structure.ts';

const colorTableBytes = (flags: number) => ((flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1));

/** The logical screen; a first frame that is larger makes it so. The codecs go by the frame alone. */
function enlarge({ width, height }: Size, bytes: Buffer, frame: number): Size {
  if (frame + 9 > bytes.length) return { width, height };
  const right = bytes.readUInt16LE(frame + 1) + bytes.readUInt16LE(frame + 5);
  const bottom = bytes.readUInt16LE(frame + 3) + bytes.readUInt16LE(frame + 7);
  return { width: Math.max(width, right), height: Math.max(height, bottom) };
}

/**
 * GIF89a: blocks up to the trailer 0x3b, or whatever else stands in its place; some writers omit it. An image block begins with 0x2c, an extension
 * with 0x21.
 */
export function gif(bytes: Buffer): Structure {
  const structure: Structure = { whole: false, animated: false, c2pa: false };
  if (bytes.length < 13) return structure;
  let size = { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  let frames = 0;
  let at = 13 + colorTableBytes(bytes[10] ?? 0);
  const skipSubBlocks = () => {
    for (let length = bytes[at]; length !== undefined && length > 0; length = bytes[at]) at += 1 + length;
    at += 1;
  };
  while (at < bytes.length) {
    const kind = bytes[at];
    if (kind === 0x2c) {
      if (frames === 0) size = enlarge(size, bytes, at);
      structure.size = size;
      at += 10 + colorTableBytes(bytes[at + 9] ?? 0) + 1;
      skipSubBlocks();
      if (at <= bytes.length) frames += 1;
      structure.animated = frames > 1;
    } else if (kind === 0x21) {
      // C2PA 2.1, appendix A.3: an application extension.
      if (bytes[at + 1] === 0xff) structure.c2pa ||= bytes.toString('latin1', at + 3, at + 11) === 'C2PA_GIF';
      at += 2;
      skipSubBlocks();
    } else return { ...structure, whole: frames > 0 };
  }
  return { ...structure, whole: frames > 0 && at === bytes.length };
}
