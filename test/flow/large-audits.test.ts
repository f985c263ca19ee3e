import { randomBytes } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { writeManifest } from '../../lib/audits/manifest.ts';
import { compressed } from '../../lib/compressed-file.ts';
import { imageKey, manifestKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { cellAt, inputOf } from '../../lib/records/plan.ts';
import { recordResult } from '../../lib/records/result.ts';
import { withTemporaryFile } from '../../lib/temporary-file.ts';
import { eachWorld, world } from './world.ts';

eachWorld();

const CELLS = 100;
/** As many cells as an audit may have. */
const MOST = 10_000;
/** Half of what a function's disk holds: the rest is left to other files. */
const HALF_A_DISK = 256_000_000;

/** An audit of one prompt whose cells have all ended with as many images each. */
async function finished(prompt: Plan['prompts'][number], images: number): Promise<Plan> {
  const plan = await world.accept(CELLS, { prompts: [prompt], input: { num_outputs: images } });
  const at = world.now().toISOString();
  await Promise.all(
    Array.from({ length: CELLS }, (_, n) =>
      recordResult(world.images, plan, {
        ...{ audit: plan.id, cell: n, model: 'a/b', sent: { input: inputOf(plan, cellAt(plan, n)) } },
        ...{ status: 'succeeded', seed: 1, seedSource: 'sent', askedAt: at, storedAt: at },
        ...{ asked: images, returned: images, filtered: 0 },
        images: Array.from({ length: images }, (_, index) => ({
          ...{ index, key: imageKey(plan.id, n, index), bytes: 1_000_000, contentType: 'image/png' },
          sha256: randomBytes(32).toString('hex'),
        })),
      }),
    ),
  );
  return plan;
}

const factors = (length: number) =>
  Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i}`, '护'.repeat(length)]));

test.each([
  ['Chinese prompts of 2,000 characters, made of ten factors, 10 images a cell', '护', 10, factors(200)],
  ['English prompts of 2,000 characters, 30 images a cell', 'a', 30, undefined],
])(
  'the manifest of the largest audit fits on the disk of a function: %s',
  async (_, character, images, made) => {
    const plan = await finished({ text: character.repeat(2_000), ...(made && { factors: made }) }, images);
    let onDisk = 0;
    await writeManifest(
      {
        ...world.reconcileDeps,
        withTemporaryFile: compressed((use) =>
          withTemporaryFile(async (file) => {
            const result = await use(file);
            onDisk += file.bytes;
            return result;
          }),
        ),
      },
      plan,
    );
    expect((onDisk / CELLS) * MOST).toBeLessThan(HALF_A_DISK);
    const json = await world.truth.images.readJson<{ cells: { images: { sha256: string }[] }[] }>(
      manifestKey(plan.id, 'json'),
    );
    const csv = (await world.truth.images.readRange(manifestKey(plan.id, 'csv'), 'bytes=0-'))!.bytes;
    const rows: Record<string, string>[] = parse(csv, { columns: true, bom: true });
    expect(rows.map(({ sha256 }) => sha256)).toEqual(
      json!.value.cells.flatMap((cell) => cell.images.map(({ sha256 }) => sha256)),
    );
    expect(rows).toHaveLength(CELLS * images);
  },
);
