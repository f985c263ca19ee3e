import { BACKUP, buckets, IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1024 ** 2;
/** Eight images of 48 MB, and as many again, are more than the function has memory. */
const IMAGES_EACH = 8;
const MEGABYTES = 48;

const local = withCloud();
const { keys } = buckets(local);

test('webhook stores more bytes than it has memory, and uses at most half of its memory', async () => {
  const { memorySize } = local.cloud.stack.functions.find(({ key }) => key === 'webhook')!;
  const input = { num_outputs: IMAGES_EACH, megabytes: MEGABYTES };
  const { status, body } = await local.api('POST', '/api/audits', {
    prompts: ['a mural'],
    models: [{ model: 'simulated/poster', input }],
    samples: 2,
  });
  expect({ status, body }).toMatchObject({ status: 202 });
  // One image at a time: a busy machine takes minutes for all of them.
  for (const [bucket, what] of [
    [IMAGES, 'stored'],
    [BACKUP, 'backed up'],
  ] as const)
    for (let count = 1; count <= 2 * IMAGES_EACH; count++)
      await waitFor(
        `${count} images are ${what}`,
        async () => (await keys(bucket, `images/${body.id}/`)).length >= count,
      );
  const { predictions } = (await local.api('GET', `/api/audits/${body.id}/predictions`)).body;
  const sizes = predictions.flatMap(({ images }: { images: { bytes: number }[] }) =>
    images.map(({ bytes }) => bytes),
  );
  expect(sizes).toEqual(Array(2 * IMAGES_EACH).fill(MEGABYTES * MIB));
  expect(2 * IMAGES_EACH * MEGABYTES).toBeGreaterThan(memorySize);
  const peaks = local.cloud
    .logs('webhook')
    .flatMap((line) => /Max Memory Used: (\d+) MB/.exec(line)?.[1] ?? []);
  expect(Math.max(...peaks.map(Number))).toBeLessThan(memorySize / 2);
});
