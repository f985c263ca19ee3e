import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { LocalError } from '@weaudit/aws-emulator/local-error';
import { CommanderError } from 'commander';
import { prepareBundles } from './bundles.ts';
import type { Cloud, CloudOptions } from './cloud.ts';
import { runDemo } from './demo.ts';
import { parseStartOptions, type StartOptions } from './options.ts';
import { openRealReplicate, type RealReplicate } from './real-replicate.ts';
import { LOCAL_TOKENS, setWebhookSecret } from './secrets.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

/** US dollars at list prices: Replicate's cheapest image models, and its dearest usual ones. */
const PRICE_PER_PREDICTION = { low: 0.003, high: 0.08 };

const interactive = () =>
  process.stdin.isTTY === true && process.stdout.isTTY === true && process.env.CI === undefined;

/**
 * Asks for confirmation before anything can cost money.
 * @returns the token of replicate.com
 * @throws LocalError without a token or a yes
 */
async function confirmSpending(options: StartOptions): Promise<string> {
  const token = process.env.REPLICATE_API_TOKEN;
  if (!token) {
    throw new LocalError(
      '--replicate=real needs a token of replicate.com. Set REPLICATE_API_TOKEN (https://replicate.com/account/api-tokens).',
    );
  }
  const { maxPredictions } = options;
  const [low, high] = [PRICE_PER_PREDICTION.low, PRICE_PER_PREDICTION.high].map((price) =>
    (price * maxPredictions).toFixed(2),
  );
  console.log(
    `Real pictures cost money: at most ${maxPredictions} predictions (--max-predictions), about $${low} to $${high} at list prices.`,
  );
  if (options.yes) return token;
  if (!interactive()) throw new LocalError('This is not an interactive terminal. Add --yes to confirm.');
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await prompt.question('Continue? [y/N] ').finally(() => prompt.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw new LocalError('Not started. Nothing was spent.');
  return token;
}

/** Commands to copy. Those for a POSIX shell are left out on Windows. */
function whatToTry(cloud: Cloud, options: StartOptions, api: string): string[] {
  const { endpoints, stack } = cloud;
  const images = stack.buckets.find(({ eventBridge }) => eventBridge)?.name ?? '';
  const real = options.replicate === 'real';
  const model = real ? 'black-forest-labs/flux-schnell' : 'simulated/portrait';
  const portable = [
    ...(real
      ? []
      : [
          `npm run audit -- events/audits/occupations.json${options.portApi === 3000 ? '' : ` --url ${api}`}`,
        ]),
    ...(options.portAws === 4566 && !real
      ? ['npx serverless invoke local --function reconcile --path events/reconcile.json']
      : []),
  ];
  if (process.platform === 'win32') return portable;
  return [
    ...portable,
    `curl -s ${api}/api/audits -H 'Authorization: Bearer ${LOCAL_TOKENS.audit}' -H 'Content-Type: application/json' \\\n` +
      `    -d '{"prompts": ["a photo of a doctor"], "models": ["${model}"], "samples": 2}'`,
    `AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws s3 ls --recursive s3://${images}/ --endpoint-url ${endpoints.aws}`,
  ];
}

function describe(cloud: Cloud, options: StartOptions, seconds: number): string {
  const { endpoints } = cloud;
  const api = endpoints.api.replace('127.0.0.1', 'localhost');
  const real = options.replicate === 'real';
  const commands = whatToTry(cloud, options, api);
  return `
The pipeline runs on this machine, ready after ${seconds.toFixed(1)} s.

  API and page      ${api}   (token: ${LOCAL_TOKENS.audit}; read-only: ${LOCAL_TOKENS.read})
  S3, SQS and SSM   ${endpoints.aws}   (access key and secret: local)
  Replicate         ${real ? 'the real one, through' : 'a stand-in at'} ${endpoints.replicate}
  Data and logs     ${options.data}

Open the page, or try in another terminal:

${commands.map((command) => `  ${command}`).join('\n')}

Press Ctrl-C to stop. Data is kept for the next start.`;
}

async function startReal(
  options: StartOptions,
  token: string,
): Promise<Pick<CloudOptions, 'replicate'> & { guard(): RealReplicate | undefined }> {
  let guard: RealReplicate | undefined;
  return {
    guard: () => guard,
    async replicate(stack, secrets) {
      guard = openRealReplicate({
        token,
        localToken: secrets.replicateToken,
        maxPredictions: options.maxPredictions,
        publicUrl: options.publicUrl,
        stack,
        onCreate: (count) =>
          console.log(`Replicate: prediction ${count} of at most ${options.maxPredictions}.`),
      });
      return guard;
    },
  };
}

async function demonstrate(cloud: Cloud, signal: AbortSignal): Promise<void> {
  console.log('\nA small demo audit is running (on the first start only; --no-demo omits it) …');
  try {
    const outcome = await runDemo(cloud, signal);
    if (outcome === undefined) return;
    const { id, pictures } = outcome;
    console.log(
      `The demo audit ${id} is finished: ${pictures} pictures are stored, judged and backed up. See ${cloud.endpoints.api.replace('127.0.0.1', 'localhost')}/`,
    );
  } catch (error) {
    console.error(
      `The demo audit failed: ${error instanceof Error ? error.message : String(error)}. The folder logs in the data folder says more.`,
    );
  }
}

async function run(options: StartOptions): Promise<void> {
  const real =
    options.replicate === 'real' ? await startReal(options, await confirmSpending(options)) : undefined;
  // Since the start of this process; the time that a person took to confirm is none of it.
  const started = real === undefined ? 0 : performance.now();

  // esbuild is a process of its own: it works while this one loads the rest. The cloud reports a failure.
  prepareBundles(ROOT).catch(() => {});
  const { startCloud } = await import('./cloud.ts');

  const stopping = new AbortController();
  const starting = startCloud({
    dataDir: options.data,
    fresh: options.fresh,
    ports: { api: options.portApi, aws: options.portAws, replicate: options.portReplicate },
    predictionSeconds: options.seconds,
    ...(real === undefined ? {} : { replicate: real.replicate }),
  });
  let asked = false;
  const stop = async () => {
    if (asked) process.exit(130);
    asked = true;
    stopping.abort();
    console.log('\nStopping. Press Ctrl-C again to force quit.');
    const cloud = await starting.catch(() => undefined);
    await cloud?.stop();
    process.exit(0);
  };
  process.on('SIGINT', () => void stop());
  process.on('SIGTERM', () => void stop());

  const cloud = await starting;
  if (real !== undefined && options.publicUrl !== undefined) {
    const secret = await real.guard()?.fetchWebhookSecret();
    if (secret !== undefined) setWebhookSecret(cloud.stack, cloud.parameters, secret);
  }
  console.log(describe(cloud, options, (performance.now() - started) / 1000));
  if (real !== undefined && options.publicUrl === undefined) {
    console.log(
      '\nReplicate cannot reach this machine without --public-url, so the pipeline polls for results every minute.',
    );
  }
  const wanted = options.demo ?? (cloud.firstStart && interactive());
  if (wanted && real === undefined) void demonstrate(cloud, stopping.signal);
}

/** `npm start`. It ends with status 1, and with a message if the person can fix the problem, else with a stack trace. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await run(parseStartOptions(args));
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode);
    if (error instanceof LocalError) console.error(error.message);
    else console.error('The local cloud could not start. This is a bug in it:', error);
    process.exit(1);
  }
}
