import { call, objectUrl, storeImages, storeResult, verified } from './by-hand.ts';

/** The floor: every request of webhook, made by hand, in the same order and with the same concurrency. */
export async function handler(event: Parameters<typeof verified>[0]) {
  const { audit, cell } = event.pathParameters;
  const parameter = await call(
    'POST',
    new URL(process.env.AWS_ENDPOINT_URL!),
    JSON.stringify({ Name: process.env.WEBHOOK_SECRETS_PARAMETER, WithDecryption: true }),
    { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.GetParameter' },
    'ssm',
  );
  const prediction = verified(event, JSON.parse(parameter.body.toString()).Parameter.Value);
  await call('GET', objectUrl(`audits/${audit}/audit.json`), '', {});
  await Promise.all([
    call('HEAD', objectUrl(`audits/${audit}/results/${cell}.json`), '', {}),
    call('HEAD', objectUrl(`deleted/${audit}`), '', {}),
  ]);
  await call('GET', objectUrl(`audits/${audit}/dispatched/${cell}.json`), '', {});
  const images = await storeImages(event.pathParameters, prediction);
  await storeResult(event.pathParameters, { prediction, images });
  return { statusCode: 200 };
}
