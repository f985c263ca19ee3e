import { storeImages, storeResult, verified } from './by-hand.ts';

/** The signature, the image, the result: three requests. */
export async function handler(event: Parameters<typeof verified>[0]) {
  const prediction = verified(event, process.env.BENCH_SECRET!);
  const images = await storeImages(event.pathParameters, prediction);
  await storeResult(event.pathParameters, { prediction, images });
  return { statusCode: 200 };
}
