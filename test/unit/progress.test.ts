import { countProgress } from '../../lib/audits/progress.ts';
import { S3Store } from '../../lib/aws/objects.ts';

const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const CELLS = 10_000;
/** S3 returns no more keys in one answer. */
const PAGE = 1_000;

/** A bucket of empty objects behind a client that counts the LISTs it answers. */
function bucketOf(keys: string[]) {
  const sorted = keys.toSorted();
  const calls = { lists: 0 };
  const send = async ({ input }: { input: Record<string, string | number | undefined> }) => {
    if (input.Prefix === undefined)
      throw Object.assign(new Error('not there'), { $metadata: { httpStatusCode: 404 } });
    calls.lists++;
    const after = String(input.ContinuationToken ?? input.StartAfter ?? '');
    const from = sorted.findIndex((key) => key > after && key.startsWith(String(input.Prefix)));
    const page = sorted
      .slice(from, from + Math.min(Number(input.MaxKeys ?? PAGE), PAGE))
      .filter((key) => from >= 0 && key.startsWith(String(input.Prefix)));
    const next = sorted[from + page.length];
    const isMore = page.length > 0 && next?.startsWith(String(input.Prefix));
    return {
      Contents: page.map((Key) => ({ Key, Size: 0, ETag: '', LastModified: new Date(0) })),
      ...(isMore ? { NextContinuationToken: page.at(-1) } : {}),
    };
  };
  return { store: new S3Store({ send } as never, 'b'), calls };
}

test('a poll of ten thousand running cells takes 44 LISTs: eleven each of bindings, results, markers and judgements', async () => {
  const keys = Array.from({ length: CELLS }, (_, n) => String(n).padStart(5, '0')).flatMap((name) => [
    `audits/${AUDIT}/dispatched/${name}.json`,
    `audits/${AUDIT}/results/${name}.json`,
    `audits/${AUDIT}/failed/${name}.refused`,
    `audits/${AUDIT}/judged/${name}/0.ok.png.8x8`,
  ]);
  const { store, calls } = bucketOf(keys);
  const { counts, images } = await countProgress(store, AUDIT, CELLS);
  expect(counts).toMatchObject({ refused: CELLS, running: 0 });
  expect(images).toMatchObject({ ok: CELLS });
  expect(calls.lists).toBe(44);
});
