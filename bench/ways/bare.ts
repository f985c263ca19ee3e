import { storeImages, storeResult, verified } from './by-hand.ts';

/** The bare floor: the signature, the image, the result, and nothing that makes it idempotent. Three requests. */
export async function handler(event: Parameters<typeof verified>[0]) {
  const prediction = verified(event, process.env.BENCH_SECRET!);
  const images = await storeImages(event.pathParameters, prediction);
  await storeResult(event.pathParameters, { prediction, images });
  return { statusCode: 200 };
}
