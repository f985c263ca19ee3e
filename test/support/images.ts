import { crc32, deflateSync } from 'node:zlib';

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
};

/** A PNG that every decoder reads: one color, with a text in it that makes its bytes differ from others'. */
export const png = (width: number, height: number, text = ''): Buffer =>
  drawn(width, height, text, () => 120);

/** As `png`, with light and shadow: no blank picture. */
export const shaded = (text: string): Buffer => drawn(32, 32, text, (column) => column * 8);

function drawn(width: number, height: number, text: string, gray: (column: number) => number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits of gray.
  header.set([8, 0, 0, 0, 0], 8);
  // Each row begins with its filter: none.
  const row = Buffer.from([0, ...Array.from({ length: width }, (_, column) => gray(column))]);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from(`Comment\0${text}`, 'latin1')),
    chunk('IDAT', deflateSync(Buffer.concat(Array(height).fill(row)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
