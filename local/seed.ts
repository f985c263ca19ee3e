import { join, resolve } from 'node:path';
import { cloudSettings } from '../cli/configuration.ts';
import { openCloud } from '../cli/operator/cloud.ts';
import { explainAwsError } from '../cli/operator/faults.ts';
import { secretsOf } from '../cli/operator/parameters.ts';
import { SAMPLE_AUDIT, seedSamples } from './samples.ts';

/**
 * `npm run seed`: prepares the local cloud for the sample events. Other addresses than those of `npm start` come
 * from AWS_ENDPOINT_URL and REPLICATE_API_URL.
 */
async function seed(): Promise<void> {
  const settings = cloudSettings({ local: true }, process.env);
  const { images, backup } = await openCloud(settings);
  const { replicateToken, webhookSecrets } = await secretsOf(settings).read();
  await seedSamples({
    images,
    backup,
    replicateUrl: process.env.REPLICATE_API_URL ?? 'http://127.0.0.1:3001/v1',
    replicateToken: replicateToken ?? '',
    webhookSecret: webhookSecrets[0] ?? '',
    file: process.env.WEAUDIT_SAMPLES ?? join(resolve(import.meta.dirname, '..'), '.local', 'samples.json'),
  });
  console.log(`The sample events have what they need (audit ${SAMPLE_AUDIT}). For instance:
  npx serverless invoke local --function tag --path events/tag.json`);
}

try {
  await seed();
} catch (error) {
  console.error((explainAwsError(error) ?? (error as Error)).message);
  process.exitCode = 1;
}
