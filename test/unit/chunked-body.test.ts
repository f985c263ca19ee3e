import { createHash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { Sha256 } from '@smithy/core/checksum';
import { chunkedWithChecksum } from '../../lib/aws/chunked-body.ts';

const OPTIONS = {
  base64Encoder: (bytes: Uint8Array) => Buffer.from(bytes).toString('base64'),
  checksumAlgorithmFn: Sha256,
  checksumLocationName: 'x-amz-checksum-sha256',
};

/** Reads `aws-chunked` as S3 does: the sizes of the chunks, the bytes, the trailer. */
function decode(framed: Buffer): { sizes: number[]; bytes: Buffer; trailer: string } {
  const sizes: number[] = [];
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = framed.indexOf('\r\n', at);
    const size = Number.parseInt(framed.toString('latin1', at, end), 16);
    if (size === 0)
      return { sizes, bytes: Buffer.concat(parts), trailer: framed.toString('latin1', end + 2) };
    sizes.push(size);
    parts.push(framed.subarray(end + 2, end + 2 + size));
    expect(framed.toString('latin1', end + 2 + size, end + 4 + size)).toBe('\r\n');
    at = end + 4 + size;
  }
}

describe('a body with its checksum behind it', () => {
  test.each([0, 1, 8_191, 65_536, 65_537, 1_000_000])(
    'of %d bytes arrives whole, with its SHA-256',
    async (length) => {
      const bytes = Buffer.alloc(length, 'weaudit');
      const pieces = Array.from({ length: Math.ceil(length / 1_000) }, (_, i) =>
        bytes.subarray(i * 1_000, (i + 1) * 1_000),
      );
      const framed = await buffer(chunkedWithChecksum(Readable.from(pieces, { objectMode: false }), OPTIONS));
      const decoded = decode(framed);
      expect(decoded.bytes.equals(bytes)).toBe(true);
      const sha256 = createHash('sha256').update(bytes).digest('base64');
      expect(decoded.trailer).toBe(`x-amz-checksum-sha256:${sha256}\r\n\r\n`);
    },
  );

  test('has no chunk before the last that S3 would refuse as too small, however it came', async () => {
    const pieces = Array.from({ length: 5_000 }, (_, i) => Buffer.alloc(1 + (i % 97)));
    const { sizes } = decode(
      await buffer(chunkedWithChecksum(Readable.from(pieces, { objectMode: false }), OPTIONS)),
    );
    expect(sizes.slice(0, -1).filter((size) => size < 8_192)).toEqual([]);
  });

  test('is read no faster than it is taken', async () => {
    let taken = 0;
    const source = Readable.from(
      (function* () {
        for (; taken < 1_000; taken++) yield Buffer.alloc(16_384);
      })(),
      { objectMode: false },
    );
    const framed = chunkedWithChecksum(source, OPTIONS);
    framed.read(0);
    for (let turn = 0; turn < 200; turn++) await setImmediate();
    expect(taken * 16_384).toBeLessThan(1_000_000);
    framed.destroy();
  });

  test('that breaks ends with the same error', async () => {
    const source = new PassThrough();
    const framed = buffer(chunkedWithChecksum(source, OPTIONS));
    source.write(Buffer.alloc(100_000));
    source.destroy(new Error('cut'));
    await expect(framed).rejects.toThrow('cut');
  });

  test('that is no longer needed is left to its owner', () => {
    const source = new PassThrough();
    chunkedWithChecksum(source, OPTIONS).destroy();
    expect(source.destroyed).toBe(false);
    expect(source.errored).toBeNull();
  });
});
