import { createHash } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { validateWebhook } from 'replicate';
import { z } from 'zod';

/** The usual way to write it: the same packages, ES modules, zod, the global fetch, buffers. */
const Prediction = z.object({ id: z.string(), status: z.string(), output: z.array(z.url()) });

const logger = new Logger();
const metrics = new Metrics({ namespace: 'bench' });
const s3 = new S3Client({});

interface Delivery {
  headers: Record<string, string>;
  pathParameters: { audit: string; cell: string };
  body: string;
}

export const handler = middy<Delivery, { statusCode: number }>().handler(
  async ({ headers, body, pathParameters }: Delivery) => {
    const valid = await validateWebhook({
      id: headers['webhook-id']!,
      timestamp: headers['webhook-timestamp']!,
      signature: headers['webhook-signature']!,
      body,
      secret: process.env.BENCH_SECRET!,
    });
    if (!valid) return { statusCode: 401 };
    const prediction = Prediction.parse(JSON.parse(body));
    const { audit, cell } = pathParameters;
    const images = await Promise.all(
      prediction.output.map(async (address, index) => {
        const response = await fetch(address);
        const bytes = Buffer.from(await response.arrayBuffer());
        await s3.send(
          new PutObjectCommand({
            Bucket: process.env.IMAGES_BUCKET,
            Key: `images/${audit}/${cell}/${index}`,
            Body: bytes,
            ContentType: response.headers.get('content-type') ?? undefined,
            ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
            IfNoneMatch: '*',
          }),
        );
        return { index, bytes: bytes.length };
      }),
    );
    await s3.send(
      new PutObjectCommand({
        Bucket: process.env.IMAGES_BUCKET,
        Key: `audits/${audit}/results/${cell}.json`,
        Body: JSON.stringify({ prediction, images }),
        IfNoneMatch: '*',
      }),
    );
    metrics.addMetric('Images', 'Count', images.length);
    logger.info('stored', { audit, cell });
    return { statusCode: 200 };
  },
);
