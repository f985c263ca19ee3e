import type { Size, Structure } from './structure.ts';

interface Box {
  type: string;
  /** Where its content begins and ends. */
  start: number;
  end: number;
}

/** ISO/IEC 14496-12: boxes of size, type and content, one after another. */
function* boxes(bytes: Buffer, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    const size32 = bytes.readUInt32BE(at);
    const head = size32 === 1 ? 16 : 8;
    if (at + head > to) return;
    const size = size32 === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : size32 === 0 ? to - at : size32;
    if (size < head) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), start: at + head, end: at + size };
    at += size;
  }
}

const find = (bytes: Buffer, { start, end }: Box, type: string, skip = 0): Box | undefined =>
  [...boxes(bytes, start + skip, Math.min(end, bytes.length))].find((box) => box.type === type);

/** Properties of the image that is shown: `pitm` names it, `ipma` lists its properties, `ipco` holds them. */
function propertiesOfPrimary(bytes: Buffer, meta: Box): { box: Box; essential: boolean }[] {
  // Boxes with a version and flags have four bytes before their content.
  const pitm = find(bytes, meta, 'pitm', 4);
  const iprp = find(bytes, meta, 'iprp', 4);
  const ipco = iprp && find(bytes, iprp, 'ipco');
  const ipma = iprp && find(bytes, iprp, 'ipma');
  if (!pitm || !ipco || !ipma) return [];
  const primary =
    bytes[pitm.start] === 0 ? bytes.readUInt16BE(pitm.start + 4) : bytes.readUInt32BE(pitm.start + 4);
  const known = [...boxes(bytes, ipco.start, Math.min(ipco.end, bytes.length))];
  const isWide = ((bytes[ipma.start + 3] ?? 0) & 1) === 1;
  const idBytes = bytes[ipma.start] === 0 ? 2 : 4;
  let at = ipma.start + 8;
  while (at + idBytes + 1 <= Math.min(ipma.end, bytes.length)) {
    const id = bytes.readUIntBE(at, idBytes);
    const count = bytes[at + idBytes] ?? 0;
    at += idBytes + 1;
    const length = count * (isWide ? 2 : 1);
    if (at + length > bytes.length) return [];
    if (id === primary)
      return Array.from({ length: count }, (_, i) => {
        const entry = isWide ? bytes.readUInt16BE(at + 2 * i) : (bytes[at + i] ?? 0);
        const mask = isWide ? 0x7fff : 0x7f;
        return { box: known[(entry & mask) - 1], essential: entry > mask };
      }).filter((property): property is { box: Box; essential: boolean } => property.box !== undefined);
    at += length;
  }
  return [];
}

/** Turned as `irot` says. Browsers do not crop to `clap`, and so it does not count. */
function shownSize(bytes: Buffer, properties: { box: Box }[]): Size | undefined {
  const ispe = properties.find(({ box }) => box.type === 'ispe')?.box;
  const irot = properties.find(({ box }) => box.type === 'irot')?.box;
  if (!ispe || ispe.start + 12 > bytes.length) return undefined;
  const width = bytes.readUInt32BE(ispe.start + 4);
  const height = bytes.readUInt32BE(ispe.start + 8);
  const isTurned = irot !== undefined && ((bytes[irot.start] ?? 0) & 1) === 1;
  return isTurned ? { width: height, height: width } : { width, height };
}

/** C2PA 2.1, appendix A.4. */
const C2PA_UUID = 'd8fec3d61b0e483c92975828877ec481';

/** AVIF 1.1 over ISO/IEC 23008-12. */
export function avif(bytes: Buffer): Structure {
  const structure: Structure = { whole: true, animated: false, c2pa: false };
  for (const box of boxes(bytes, 0, bytes.length)) {
    // Anything else may be what somebody left behind the end.
    if (box.end > bytes.length && ['meta', 'mdat', 'moov'].includes(box.type)) structure.whole = false;
    if (box.type === 'moov') structure.animated = true;
    if (box.type === 'uuid')
      structure.c2pa ||= bytes.toString('hex', box.start, box.start + 16) === C2PA_UUID;
    if (box.type !== 'meta') continue;
    const properties = propertiesOfPrimary(bytes, box);
    structure.size = shownSize(bytes, properties);
    // Readers must refuse a transformation that is not marked as essential (MIAF, 7.3.9).
    structure.unusual = properties.some(
      ({ box: { type }, essential }) => ['clap', 'irot', 'imir'].includes(type) && !essential,
    );
  }
  return structure;
}
