import type { StackModel } from '@weaudit/aws-emulator/stack';
import { localStack } from '../../local/origins.ts';

const BUCKET = 'weaudit-local-000000000000-images';
const declared = {
  region: 'eu-central-1',
  functions: [
    {
      key: 'dispatch',
      environment: {
        QUEUE_URL: 'http://127.0.0.1:4566/000000000000/cells',
        WEBHOOK_URL: 'http://127.0.0.1:3000',
        REPLICATE_API_URL: 'http://127.0.0.1:3001/v1',
        OUTPUT_ORIGINS: 'http://127.0.0.1:3001,http://127.0.0.1:30011',
        CREATES_PER_MINUTE: '600',
      },
    },
  ],
  buckets: [{ name: BUCKET, corsOrigins: ['http://localhost:3000'] }],
  siteHeaders: { 'content-security-policy': `img-src https://${BUCKET}.s3.eu-central-1.amazonaws.com` },
} as unknown as StackModel;

test('the addresses of this machine replace the declared ones wherever they occur', () => {
  // The port of one service may be the declared port of another.
  const actual = { aws: 'http://127.0.0.1:1', api: 'http://127.0.0.1:3001', replicate: 'http://127.0.0.1:3' };
  expect(localStack(declared, actual)).toMatchObject({
    functions: [
      {
        environment: {
          QUEUE_URL: 'http://127.0.0.1:1/000000000000/cells',
          WEBHOOK_URL: 'http://127.0.0.1:3001',
          REPLICATE_API_URL: 'http://127.0.0.1:3/v1',
          OUTPUT_ORIGINS: 'http://127.0.0.1:3,http://127.0.0.1:30011',
          CREATES_PER_MINUTE: '600',
        },
      },
    ],
    buckets: [{ corsOrigins: ['http://127.0.0.1:3001'] }],
    siteHeaders: { 'content-security-policy': 'img-src http://127.0.0.1:1' },
  });
});
