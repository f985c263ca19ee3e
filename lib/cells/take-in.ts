import { contentTypeOf, imageDisposition, SNIFF_BYTES, sniffFormat } from '../images/formats.ts';
import type { ObjectStore, Time } from '../ports.ts';
import type { Range } from '../records/blocks.ts';
import { cellName, imageKey, imagesPrefix } from '../records/keys.ts';
import type { Plan } from '../records/plan.ts';
import { listCells } from '../records/progress.ts';
import { type Result, recordResult } from '../records/result.ts';

export interface TakeInDeps {
  store: ObjectStore;
  time: Time;
}

/** For so long the pictures of an import may come: an upload that was interrupted on a Friday can be resumed on a Monday. */
export const UPLOAD_MS = 3 * 24 * 3_600_000;

/** The cells of a range whose pictures are there: one LIST. */
export async function listArrived(store: ObjectStore, range: Range): Promise<Set<number>> {
  const arrived = new Set<number>();
  for await (const { cell, rest } of listCells(store, imagesPrefix(range.audit), range))
    if (rest === '/0') arrived.add(cell);
  return arrived;
}

/**
 * Ends a cell of an imported audit.
 * - Its picture has come: the cell succeeds with it, and what follows is the same as for an image that was requested.
 * - It has not, and the audit was canceled, or three days have passed: the cell ends and says so.
 *
 * Twice, at once with a picture that is just coming, or after a death half-way: the first result counts. A picture that
 * comes later is in no result: it stays pending, which nobody is shown, until the audit is deleted or expires.
 * @returns whether the cell has ended
 */
export async function takeIn(
  { store, time }: TakeInDeps,
  plan: Plan,
  n: number,
  { hasArrived, isCanceled }: { hasArrived: boolean; isCanceled: boolean },
): Promise<boolean> {
  const end = async (how: Pick<Result, 'status' | 'images'> & { error?: string }) => {
    await recordResult(store, plan, importedResult(plan, n, how, time.now()));
    return true;
  };
  const expected = plan.pictures![n]!;
  const head = hasArrived ? await store.head(imageKey(plan.id, n, 0)) : undefined;
  if (head) {
    const { sha256, bytes, contentEncoding } = head;
    // The one header that signatures do not cover and that changes what a browser shows.
    if (contentEncoding !== undefined) {
      const error = 'it was uploaded with the header Content-Encoding, which no picture needs';
      return end({ status: 'failed', error, images: [] });
    }
    if (sha256 === expected.sha256 && bytes === expected.bytes) {
      const key = imageKey(plan.id, n, 0);
      // What was announced is what S3 serves it as. Results, manifests and downloads say what it is.
      const beginning = await store.readRange(key, `bytes=0-${SNIFF_BYTES - 1}`);
      const contentType = contentTypeOf(beginning && sniffFormat(beginning.bytes));
      return end({ status: 'succeeded', images: [{ index: 0, key, sha256, bytes, contentType }] });
    }
    // No address admits it: somebody with access to the bucket wrote it.
    const error = `the file in its place has the SHA-256 ${sha256}, not ${expected.sha256}, which was announced`;
    return end({ status: 'failed', error, images: [] });
  }
  const announced = `the picture with the SHA-256 ${expected.sha256}`;
  if (isCanceled) {
    const error = `the import was canceled before ${announced} was uploaded`;
    return end({ status: 'canceled', error, images: [] });
  }
  if (time.now().getTime() - Date.parse(plan.createdAt) <= UPLOAD_MS) return false;
  const error = `${announced} was not uploaded within three days`;
  return end({ status: 'failed', error, images: [] });
}

/** Nothing was sent for an imported picture, and nobody knows its seed. */
const importedResult = (
  plan: Plan,
  cell: number,
  how: Pick<Result, 'status' | 'images'> & { error?: string },
  now: Date,
): Result => ({
  audit: plan.id,
  cell,
  source: 'imported',
  model: plan.models[0]!.model,
  sent: { input: {} },
  seed: null,
  seedSource: 'unknown',
  asked: 1,
  returned: how.images.length,
  filtered: 0,
  askedAt: null,
  storedAt: now.toISOString(),
  ...how,
});

/** What the object of an imported picture is to be, as its address demands it. */
export function pictureUpload(plan: Plan, n: number) {
  const { sha256, bytes, format } = plan.pictures![n]!;
  return {
    sha256,
    bytes,
    contentType: contentTypeOf(format),
    contentDisposition: imageDisposition(plan.id, n, 0, format),
    metadata: { audit: plan.id, cell: cellName(n), index: '0' },
    tags: { status: 'pending', retention: plan.retention },
  };
}
