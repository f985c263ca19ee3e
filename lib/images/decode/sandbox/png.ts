import type { Structure } from './structure.ts';

/** PNG specification, third edition: chunks of length, type, data and CRC up to IEND; acTL announces an animation. */
export function png(bytes: Buffer): Structure {
  const structure: Structure = { whole: false, animated: false, c2pa: false };
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    // Nothing of the picture comes after these eight bytes.
    if (type === 'IEND') return { ...structure, whole: true };
    if (at + 12 + length > bytes.length) break;
    if (type === 'acTL' && length >= 4) structure.animated = bytes.readUInt32BE(at + 8) > 1;
    // Where C2PA 2.1 embeds a manifest (appendix A.3).
    if (type === 'caBX') structure.c2pa = true;
    at += 12 + length;
  }
  return structure;
}
