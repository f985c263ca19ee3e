import { readFileSync } from 'node:fs';
import type { Outcome } from './conformance/recorder.ts';
import { FIRST, SECOND, tellAll, VERBS, VERBS_ON_S3 } from './conformance/verbs.ts';
import { startEndpoint } from './s3-endpoint.ts';

const recorded = JSON.parse(
  readFileSync(new URL('conformance/verbs.json', import.meta.url), 'utf8'),
) as Record<string, Outcome>;

let ours: Record<string, Outcome>;
beforeAll(async () => {
  const endpoint = await startEndpoint({
    buckets: [FIRST, SECOND].map((name) => ({ name, versioning: true, eventBridge: false })),
  });
  try {
    ours = await tellAll(endpoint.client);
  } finally {
    await endpoint.end();
  }
});

test.each(Object.keys(VERBS))('%s: the local S3 answers as recorded', (name) => {
  expect(ours[name]).toEqual(VERBS_ON_S3[name]?.(recorded[name]!) ?? recorded[name]);
});
