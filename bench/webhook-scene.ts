import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { bindingKey, imageKey, planKey, resultKey } from '../lib/records/keys.ts';
import type { Plan } from '../lib/records/plan.ts';
import { type Certificate, makeCertificate } from './servers/certificate.ts';
import { listenTls, type TlsServer } from './servers/listen.ts';
import { type ObjectServer, objectServer } from './servers/objects.ts';
import { pngBytes, serveOutput } from './servers/outputs.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const AUDIT = '7zzzzzzzzzzzzzzzzzzzzzzzzz';
const CELL = 7;
const PREDICTION = 'bench0000000000000000000001';
const SECRET = `whsec_${randomBytes(24).toString('base64')}`;
const PARAMETER = '/weaudit/bench/webhook-secrets';

const PLAN: Plan = {
  id: AUDIT,
  name: 'bench',
  createdAt: '2026-01-01T00:00:00.000Z',
  createdBy: 'bench',
  request: 'bench',
  retention: 'standard',
  seed: 1,
  samples: 10,
  prompts: Array.from({ length: 100 }, (_, i) => ({ text: `a photo of person number ${i} at work` })),
  models: [
    { model: 'black-forest-labs/flux-schnell', version: null, input: {}, inputs: null, seed: 'unknown' },
  ],
  input: {},
  cells: 1_000,
};

/** The environment of a webhook: S3, the Parameter Store and Replicate's file server behind TLS, and its event. */
export interface WebhookScene {
  aws: ObjectServer;
  /** The function's environment, as serverless.yml and Lambda set it, towards these servers. */
  environment: Record<string, string>;
  /** A signed delivery of a prediction whose outputs have these sizes. */
  event(sizes: readonly number[]): unknown;
  /** Address of an output of this size. */
  outputUrl(bytes: number, index: number): string;
  /** @throws {Error} unless S3 has all outputs, complete and with their SHA-256, and a result */
  requireStored(sizes: readonly number[], way: string): void;
  close(): Promise<void>;
}

interface Declared {
  functions: Record<string, { memorySize: number; environment?: Record<string, string> }>;
}

/** What V8 is given by Lambda's own start script: a tenth of the memory for the young generation, the rest for the old. */
function memoryOptions(memorySize: number): string {
  const young = Math.floor(memorySize / 10);
  return `--max-semi-space-size=${Math.floor(young / 2)} --max-old-space-size=${memorySize - young}`;
}

export async function webhookScene(): Promise<WebhookScene> {
  const certificate: Certificate = await makeCertificate();
  const aws = objectServer();
  const awsServer: TlsServer = await listenTls(certificate, aws.answer);
  const outputs: TlsServer = await listenTls(certificate, serveOutput);
  aws.parameters.set(PARAMETER, SECRET);
  aws.objects.set(planKey(AUDIT), JSON.stringify(PLAN));
  const binding = { predictionId: PREDICTION, askedAt: '2026-01-01T00:00:01.000Z', attempt: 1 };
  aws.objects.set(bindingKey(AUDIT, CELL), JSON.stringify(binding));
  const { functions } = parse(await readFile(path.join(ROOT, 'serverless.yml'), 'utf8'), {
    // CloudFormation's own tags mean nothing here.
    logLevel: 'error',
  }) as Declared;
  const { memorySize, environment: declared } = functions.webhook!;
  const outputUrl = (bytes: number, index: number) => `${outputs.origin}/${bytes}/out-${index}.png`;
  const hashes = new Map<number, string>();
  const hashOf = (bytes: number) => {
    if (!hashes.has(bytes)) {
      const hash = createHash('sha256');
      for (const chunk of pngBytes(bytes)) hash.update(chunk);
      hashes.set(bytes, hash.digest('base64'));
    }
    return hashes.get(bytes);
  };
  return {
    aws,
    environment: {
      PATH: '/usr/bin:/bin',
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'BENCH',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_ENDPOINT_URL: awsServer.origin,
      AWS_LAMBDA_FUNCTION_NAME: 'weaudit-bench-webhook',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memorySize),
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      POWERTOOLS_SERVICE_NAME: 'weaudit',
      POWERTOOLS_LOG_LEVEL: 'INFO',
      IMAGES_BUCKET: 'bench-images',
      WEBHOOK_SECRETS_PARAMETER: PARAMETER,
      OUTPUT_ORIGINS: outputs.origin,
      MAX_IMAGE_BYTES: '52428800',
      NODE_EXTRA_CA_CERTS: certificate.file,
      NODE_OPTIONS: `${memoryOptions(memorySize)} ${declared?.NODE_OPTIONS ?? ''}`.trim(),
      // The ways by hand and the naive way take the secret from here.
      BENCH_SECRET: SECRET,
    },
    outputUrl,
    event(sizes) {
      const webhookPath = `/webhooks/replicate/${AUDIT}/0000${CELL}`;
      const at = new Date().toISOString();
      const body = JSON.stringify({
        id: PREDICTION,
        status: 'succeeded',
        model: PLAN.models[0]!.model,
        version: 'hidden',
        input: { prompt: PLAN.prompts[0]!.text, seed: 12_345, num_outputs: sizes.length },
        output: sizes.map(outputUrl),
        error: null,
        logs: `Using seed: 12345\n${'running inference … 100 %\n'.repeat(20)}`,
        metrics: { predict_time: 1.2, image_count: sizes.length },
        created_at: at,
        started_at: at,
        completed_at: at,
        webhook: `https://weaudit.example${webhookPath}`,
      });
      const id = `msg_${randomBytes(12).toString('hex')}`;
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
      return {
        version: '2.0',
        routeKey: 'POST /webhooks/replicate/{audit}/{cell}',
        rawPath: webhookPath,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
        },
        pathParameters: { audit: AUDIT, cell: `0000${CELL}` },
        requestContext: { http: { method: 'POST', path: webhookPath } },
        body,
        isBase64Encoded: false,
      };
    },
    requireStored(sizes, way) {
      for (const [index, bytes] of sizes.entries()) {
        const stored = aws.written.get(imageKey(AUDIT, CELL, index));
        const whole = stored && (!aws.verify || (stored.bytes === bytes && stored.sha256 === hashOf(bytes)));
        if (!whole)
          throw new Error(
            `${way} did not store output ${index} of ${bytes} bytes: ${JSON.stringify(stored)}`,
          );
      }
      if (!aws.written.has(resultKey(AUDIT, CELL))) throw new Error(`${way} wrote no result`);
    },
    close: async () => {
      await Promise.all([awsServer.close(), outputs.close(), certificate.remove()]);
    },
  };
}
