import * as v from 'valibot';

/** An S3 event as EventBridge delivers it. Here, unlike in native S3 notifications, the key is not URL-encoded. */
const S3Event = v.object({
  detail: v.object({ bucket: v.object({ name: v.string() }), object: v.object({ key: v.string() }) }),
});

/**
 * The object that an event is about.
 * @throws {Error} for anything that is not an S3 event of this bucket: the event then ends in the dead-letter queue
 */
export function keyOf(event: unknown, bucket: string): string {
  const parsed = v.safeParse(S3Event, event);
  if (!parsed.success)
    throw new Error('not an S3 event from EventBridge: detail.bucket.name and detail.object.key are missing');
  const { detail } = parsed.output;
  if (detail.bucket.name !== bucket)
    throw new Error(
      `the event is about the bucket ${detail.bucket.name}, but this function works on ${bucket}`,
    );
  return detail.object.key;
}

/** Whether an event says that the tags of an object were written. */
export const isTagging = (event: unknown): boolean =>
  (event as { 'detail-type'?: unknown })['detail-type'] === 'Object Tags Added';
