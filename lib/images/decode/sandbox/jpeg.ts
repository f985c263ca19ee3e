import type { Structure } from './structure.ts';

/** Markers that stand alone: TEM and the restart markers. */
const isAlone = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);

/**
 * ITU-T T.81: segments of marker and length; behind a start of scan, data in which 0xff is followed by 0x00 or a
 * restart marker. What lies between segments is skipped, as decoders do.
 */
export function jpeg(bytes: Buffer): Structure {
  const structure: Structure = { whole: false, animated: false, c2pa: false };
  let scans = 0;
  let at = 2;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    const marker = bytes[at + 1];
    if (at === -1 || marker === undefined) return structure;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0x00 || isAlone(marker)) {
      at += 2;
      continue;
    }
    if (marker === 0xd9) return { ...structure, whole: scans > 0 };
    if (at + 4 > bytes.length) return structure;
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    // Start of frame. Browsers know baseline, extended and progressive coding with eight bits a sample.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      structure.unusual = ![0xc0, 0xc1, 0xc2, 0xc9, 0xca].includes(marker) || bytes[at + 4] !== 8;
    // C2PA 2.1, appendix A.3: JUMBF boxes in APP11 segments, with the common identifier "JP".
    if (marker === 0xeb && bytes.toString('latin1', at + 4, at + 6) === 'JP')
      structure.c2pa ||= bytes.subarray(at, end).includes('c2pa', 0, 'latin1');
    if (marker === 0xda) scans += 1;
    at = end;
  }
}
