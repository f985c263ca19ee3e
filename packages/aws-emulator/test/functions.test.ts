import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { waitFor } from '../../../test/support/wait-for.ts';
import { many } from '../iam/policy.ts';
import type { FunctionModel } from '../stack/model.ts';
import { withEmulator } from './emulator.ts';

const forbid = ({ role }: FunctionModel, action: string) => {
  for (const policy of role.policies)
    policy.Statement = many(policy.Statement).filter((statement) => !many(statement.Action).includes(action));
};
const local = withEmulator(
  ({ functions }) => {
    for (const model of functions) {
      if (model.key === 'watcher') Object.assign(model, { timeoutSeconds: 1, memorySize: 128 });
      if (model.key === 'second') forbid(model, 'sqs:SendMessage');
      if (model.key === 'web') forbid(model, 'logs:*');
      if (model.key === 'worker') forbid(model, 'sqs:ReceiveMessage');
    }
  },
  { processesPerFunction: 2 },
);
const run = (functionKey: string, script: string) => local.running.invoke(functionKey, { script });
const payload = async (functionKey: string, script: string) => {
  const result = await run(functionKey, script);
  if (!result.ok) throw new Error(result.error.errorMessage);
  return JSON.parse(result.payload);
};

describe('a function runs as on Lambda', () => {
  test('its environment is the declared one and its role’s credentials, and nothing of the shell', async () => {
    process.env.REPLICATE_API_TOKEN = 'r8_of_the_developer';
    process.env.AWS_PROFILE = 'developer';
    const { env } = await payload('worker', 'environment');
    delete process.env.REPLICATE_API_TOKEN;
    delete process.env.AWS_PROFILE;
    expect(env).toMatchObject({
      OWN: 'value',
      AWS_ACCESS_KEY_ID: 'LOCALWORKER',
      AWS_SECRET_ACCESS_KEY: 'local-worker',
      AWS_LAMBDA_FUNCTION_NAME: 'demo-local-worker',
      AWS_ENDPOINT_URL: local.running.aws,
    });
    expect(env).not.toHaveProperty('REPLICATE_API_TOKEN');
    expect(env).not.toHaveProperty('AWS_PROFILE');
    expect(env).not.toHaveProperty('HOME');
  });

  test('each process has a session of its own, and S3 takes its token and no other', async () => {
    const tokenOf = async (): Promise<string> =>
      (await payload('second', 'environment')).env.AWS_SESSION_TOKEN;
    const first = await tokenOf();
    expect(await tokenOf()).toBe(first);
    await run('second', 'exit');
    const tokens = [first, await tokenOf()];
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) expect(token.length).toBeGreaterThan(1_000);
    const read = (sessionToken: string) => {
      const { credentials, ...settings } = local.client('second');
      const client = new S3Client({ ...settings, credentials: { ...credentials, sessionToken } });
      return client.send(new GetObjectCommand({ Bucket: 'files', Key: 'x' })).finally(() => client.destroy());
    };
    // The role may read nothing: it is known.
    for (const token of tokens) await expect(read(token)).rejects.toMatchObject({ name: 'AccessDenied' });
    const other = `x${tokens[0]!.slice(1)}`;
    await expect(read(other)).rejects.toMatchObject({
      name: 'ExpiredToken',
      $metadata: { httpStatusCode: 400 },
    });
    await local.restart();
    await expect(read(tokens[0]!)).rejects.toMatchObject({ name: 'ExpiredToken' });
  });

  test('the context knows name, memory and the time that is left', async () => {
    const context = await payload('watcher', 'context');
    expect(context).toMatchObject({ name: 'demo-local-watcher', memory: '128' });
    expect(context.remaining).toBeGreaterThan(0);
    expect(context.remaining).toBeLessThanOrEqual(1000);
  });

  test('at its time limit it is killed with Lambda’s words, and the next event gets a new process', async () => {
    const result = await run('watcher', 'hang');
    expect(result).toMatchObject({
      ok: false,
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringMatching(/Task timed out after 1\.00 seconds$/),
      },
    });
    expect(await payload('watcher', 'after')).toEqual({ done: 'after' });
  });

  test('an exit in the middle of an event fails that event only', async () => {
    expect(await run('worker', 'exit')).toMatchObject({
      ok: false,
      error: { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('exit status 3') },
    });
    expect(await payload('worker', 'after')).toEqual({ done: 'after' });
  });

  test('its memory size is a limit', async () => {
    expect(await run('worker', 'heap')).toMatchObject({
      ok: false,
      error: { errorType: 'Runtime.ExitError' },
    });
  });

  test('a response larger than 6 MB is an error', async () => {
    expect(await run('worker', 'large')).toMatchObject({
      ok: false,
      error: { errorType: 'Function.ResponseSizeTooLarge' },
    });
  });

  test('a thrown error keeps its type, message and trace, and is logged', async () => {
    expect(await run('worker', 'fail')).toMatchObject({
      ok: false,
      error: {
        errorType: 'TypeError',
        errorMessage: 'told to fail',
        trace: expect.arrayContaining([expect.stringContaining('scripted.cjs')]),
      },
    });
    await waitFor('the error is in the log', () =>
      local.logged('worker').some((line) => line.level === 'ERROR' && line.errorMessage === 'told to fail'),
    );
  });

  test('a warm process is used again, and no more run at once than allowed', async () => {
    const results = await Promise.all(Array.from({ length: 6 }, (_, n) => run('second', `parallel${n}`)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(results.filter(({ report }) => report.initMs !== undefined).length).toBeLessThanOrEqual(2);
  });
});

describe('what AWS does with a function’s role needs that role', () => {
  test('a role that may not send to its dead-letter queue loses the event, and a warning says so', async () => {
    await local.s3().send(new PutObjectCommand({ Bucket: 'files', Key: 'in/fail', Body: '{}' }));
    await waitFor('the loss is reported', () =>
      local.warnings.some(
        (warning) => warning.includes('second failed 3 times') && warning.includes('may not send to dead'),
      ),
    );
    const letters = local.running.queues
      .peek('dead')
      .filter(({ body }) => body.includes('function:demo-local-second'));
    expect(letters).toEqual([]);
  });

  test('a role that may not write logs has none', async () => {
    expect((await run('web', 'quiet')).ok).toBe(true);
    expect(local.running.logs('web')).toEqual([]);
  });

  test('a role that may not receive from its queue gets no message, and a warning says so', async () => {
    expect(local.warnings).toContainEqual(
      expect.stringMatching(/^The role of worker lacks sqs:ReceiveMessage/),
    );
    local.running.queues.send('work', 'unreceived');
    expect(local.running.queues.counts('work')).toMatchObject({ visible: 1 });
  });
});
