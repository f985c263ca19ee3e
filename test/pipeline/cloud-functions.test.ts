import { scriptedFunctions, withCloud } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

const local = withCloud({
  ...scriptedFunctions,
  processesPerFunction: 2,
  amend(stack) {
    for (const model of stack.functions) {
      if (model.key === 'tag') model.timeoutSeconds = 1;
      if (model.key === 'webhook') model.memorySize = 128;
    }
    return stack;
  },
});
const run = (functionKey: string, script: string) => local.cloud.invoke(functionKey, { script });
const payload = async (functionKey: string, script: string) => {
  const result = await run(functionKey, script);
  if (!result.ok) throw new Error(result.error.errorMessage);
  return JSON.parse(result.payload);
};

describe('a function runs as on Lambda', () => {
  test('its environment is the declared one and its role’s credentials, and nothing of the shell', async () => {
    process.env.REPLICATE_API_TOKEN = 'r8_of_the_developer';
    process.env.AWS_PROFILE = 'developer';
    const { env } = await payload('dispatch', 'environment');
    delete process.env.REPLICATE_API_TOKEN;
    delete process.env.AWS_PROFILE;
    expect(env).toMatchObject({
      AWS_ACCESS_KEY_ID: 'LOCALDISPATCH',
      AWS_SECRET_ACCESS_KEY: 'local-dispatch',
      AWS_LAMBDA_FUNCTION_NAME: 'weaudit-local-dispatch',
      AWS_ENDPOINT_URL: local.cloud.endpoints.aws,
      QUEUE_URL: `${local.cloud.endpoints.aws}/000000000000/weaudit-local-cells`,
      WEBHOOK_URL: local.cloud.endpoints.api,
      REPLICATE_API_URL: `${local.cloud.endpoints.replicate}/v1`,
      OUTPUT_ORIGINS: local.cloud.endpoints.replicate,
    });
    expect(env).not.toHaveProperty('REPLICATE_API_TOKEN');
    expect(env).not.toHaveProperty('AWS_PROFILE');
    expect(env).not.toHaveProperty('HOME');
  });

  test('the context knows name, memory and the time that is left', async () => {
    const context = await payload('tag', 'context');
    expect(context).toMatchObject({ name: 'weaudit-local-tag', memory: '256' });
    expect(context.remaining).toBeGreaterThan(500);
    expect(context.remaining).toBeLessThanOrEqual(1000);
  });

  test('at its time limit it is killed with Lambda’s words, and the next event gets a new process', async () => {
    const result = await run('tag', 'hang');
    expect(result).toMatchObject({
      ok: false,
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringMatching(/Task timed out after 1\.00 seconds$/),
      },
    });
    expect(await payload('tag', 'after')).toEqual({ done: 'after' });
  });

  test('an exit in the middle of an event fails that event only', async () => {
    expect(await run('backup', 'exit')).toMatchObject({
      ok: false,
      error: { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('exit status 3') },
    });
    expect(await payload('backup', 'after')).toEqual({ done: 'after' });
  });

  test('the memory that serverless.yml gives it is a limit', async () => {
    const result = await run('webhook', 'heap');
    expect(result).toMatchObject({ ok: false, error: { errorType: 'Runtime.ExitError' } });
  });

  test('a response larger than 6 MB is an error', async () => {
    expect(await run('api', 'large')).toMatchObject({
      ok: false,
      error: { errorType: 'Function.ResponseSizeTooLarge' },
    });
  });

  test('a thrown error keeps its type, message and trace, and is logged', async () => {
    expect(await run('metrics', 'fail')).toMatchObject({
      ok: false,
      error: {
        errorType: 'TypeError',
        errorMessage: 'told to fail',
        trace: expect.arrayContaining([expect.stringContaining('scripted.cjs')]),
      },
    });
    await waitFor('the error is in the log', () =>
      local.logged('metrics').some((line) => line.level === 'ERROR' && line.errorMessage === 'told to fail'),
    );
  });

  test('a warm process is used again, and no more run at once than allowed', async () => {
    const results = await Promise.all(Array.from({ length: 6 }, (_, n) => run('reconcile', `parallel${n}`)));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(results.filter(({ report }) => report.initMs !== undefined).length).toBeLessThanOrEqual(2);
  });
});
