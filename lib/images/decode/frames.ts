/**
 * How the decoder and its sandbox talk over pipes. To the sandbox: four bytes of length, and the image. From it: four
 * bytes of the length of the facts, four of the length of the rendition, then both. Lengths are big-endian.
 *
 * Before an image is decoded, the sandbox sends what it knows by then, with the reason "crashed": that holds if nothing
 * follows.
 */
export const REQUEST_HEAD = 4;
export const ANSWER_HEAD = 8;

/** More than that the sandbox has no reason to say. */
export const MAX_FACTS_BYTES = 4_096;
export const MAX_RENDITION_BYTES = 2_000_000;

/** How the sandbox ends when an image was too much for it. */
export const EXIT = { tooSlow: 3, tooMuchMemory: 4, crashed: 5 } as const;

export function requestHead(bytes: number): Buffer {
  const head = Buffer.alloc(REQUEST_HEAD);
  head.writeUInt32BE(bytes);
  return head;
}

export function answer(facts: string, rendition: Uint8Array): Buffer {
  const head = Buffer.alloc(ANSWER_HEAD);
  const text = Buffer.from(facts);
  head.writeUInt32BE(text.length);
  head.writeUInt32BE(rendition.length, 4);
  return Buffer.concat([head, text, rendition]);
}
