import {
  GetAccountSettingsCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { messageOf } from '../../lib/errors.ts';
import type { Check, Verdict } from '../checks.ts';
import type { CloudSettings } from '../configuration.ts';
import { clientSettings } from './cloud.ts';
import { isMissing } from './faults.ts';

/** Replicate's ordinary rate limit, and what serverless.yml has as `createsPerMinute`. */
const CREATES_PER_MINUTE = 600;
/**
 * Functions that run at once: `dispatch` and `poll` twice each, `api` and `reconcile`, and for each prediction a second one of those
 * that take in what it made (`webhook`, `tag`, `backup`, `metrics`).
 */
const BASE_RUNS = 6;
const PROBE_MS = 15_000;
/** A cell that does not exist, of an audit that does not exist. */
const NOWHERE = `/webhooks/replicate/${'0'.repeat(26)}/00000`;

/**
 * Checks what a deployment needs of the world around it, and costs nothing: room for its functions in the account, and an
 * address that Replicate's webhooks reach.
 */
export async function checkDeployment(
  settings: Pick<CloudSettings, 'local' | 'stage' | 'region' | 'endpoint'>,
  localUrl?: string,
): Promise<Check[]> {
  const check = (step: string, [ok, detail]: Verdict): Check => ({ step, ok, detail });
  if (settings.local)
    return [
      check('concurrency', [undefined, 'this machine has no quota']),
      ...(localUrl ? [check('webhook URL', await probeWebhooks(localUrl))] : []),
    ];
  const lambda = new LambdaClient(clientSettings(settings));
  const dispatch = await dispatchSettings(lambda, settings.stage).catch((error: unknown) => messageOf(error));
  const { CREATES_PER_MINUTE: rate, WEBHOOK_URL: url } = typeof dispatch === 'object' ? dispatch : {};
  const unknown =
    typeof dispatch === 'string' ? dispatch : 'the stage is not deployed yet; "weaudit smoke" checks it';
  return [
    check('concurrency', await room(lambda, Number(rate ?? CREATES_PER_MINUTE))),
    check('webhook URL', url ? await probeWebhooks(url) : [undefined, unknown]),
  ];
}

/** Environment of the deployed function `dispatch`; undefined if there is none yet. */
async function dispatchSettings(
  lambda: LambdaClient,
  stage: string,
): Promise<Record<string, string> | undefined> {
  try {
    const FunctionName = `weaudit-${stage}-dispatch`;
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return Environment?.Variables;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether the account lets as many functions run at once as the rate needs. A new account lets 10. */
async function room(lambda: LambdaClient, createsPerMinute: number): Promise<Verdict> {
  let quota: number | undefined;
  try {
    const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
    quota = AccountLimit?.UnreservedConcurrentExecutions ?? AccountLimit?.ConcurrentExecutions;
  } catch (error) {
    return [undefined, `the account's limits could not be read: ${messageOf(error)}`];
  }
  if (quota === undefined) return [undefined, "AWS did not say the account's limits"];
  const needed = BASE_RUNS + Math.ceil(createsPerMinute / 60);
  if (quota >= needed) return [true, `${quota} functions may run at once, ${needed} are needed`];
  const fits = (quota - BASE_RUNS) * 60;
  const slower = fits > 0 ? `, or deploy with --param="createsPerMinute=${fits}"` : '';
  return [
    false,
    `${quota} functions may run at once in this account and region; ${createsPerMinute} predictions a minute need about ${needed}. With fewer, calls of the page fail and images are late. Request a higher quota (Service Quotas, AWS Lambda, "Concurrent executions"; free)${slower}.`,
  ];
}

/**
 * Sends a webhook without a signature, as Replicate sends one: no redirect is followed, and the certificate must be valid. The
 * right answer is the refusal of our function.
 */
export async function probeWebhooks(url: string): Promise<Verdict> {
  const lost = 'Webhooks do not arrive; polling fetches every image about ten minutes late.';
  let response: Response;
  try {
    response = await fetch(`${url.replace(/\/$/, '')}${NOWHERE}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      redirect: 'manual',
      signal: AbortSignal.timeout(PROBE_MS),
    });
    await response.body?.cancel();
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    return [false, `${url} cannot be reached: ${messageOf(cause ?? error)}. ${lost}`];
  }
  const { status, headers } = response;
  if (status === 401 && headers.get('content-type')?.startsWith('application/problem+json'))
    return [true, `${url} refuses a webhook without a signature`];
  if (status >= 300 && status < 400)
    return [
      false,
      `${url} redirects to ${headers.get('location') ?? 'elsewhere'}, which Replicate does not follow. ${lost}`,
    ];
  return [
    false,
    `${url} answered ${status} where the function webhook answers 401: something else answers there, or the function fails. ${lost}`,
  ];
}
