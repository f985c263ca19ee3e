import { CloudFormationClient, ListStacksCommand } from '@aws-sdk/client-cloudformation';

export const REGION = 'eu-central-1';

/** The AWS emulator that the stack is deployed to. */
export const endpoint = new URL(process.env.AWS_ENDPOINT_URL ?? 'http://localhost:4566');
if (!['localhost', '127.0.0.1', '[::1]'].includes(endpoint.hostname))
  throw new Error(
    `AWS_ENDPOINT_URL is ${endpoint.href}. This test deploys and deletes, so it takes an emulator on this machine only.`,
  );

export const options = {
  region: REGION,
  endpoint: endpoint.href,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};
export const cloudFormation = new CloudFormationClient({ ...options, maxAttempts: 1 });

/** Why nothing can be deployed there, or undefined. */
export const missing = await cloudFormation.send(new ListStacksCommand()).then(
  () => undefined,
  (error: Error) => error.message || error.name,
);

/** What other test tools say for "skipped": not 0, so that nothing takes it for a pass. */
const SKIPPED = 77;

if (import.meta.main && missing) {
  console.warn(
    `SKIPPED, and so nothing is proved: no emulator with CloudFormation answers at ${endpoint.href} (${missing}).\n` +
      'Start one, for instance "moto_server -p 4566" or LocalStack; "npm start" uses the same port and is none. ' +
      `docs/operations.md has more. This ends with ${SKIPPED}, which is neither a pass nor a failure.`,
  );
  process.exitCode = SKIPPED;
}
