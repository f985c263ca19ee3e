import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { packageFunctions } from '../../../build/package.ts';
import { withCloud } from '../../support/cloud.ts';
import { type Answer, sampleEvents } from '../../support/sample-events.ts';
import { runtimeClient } from './prepare.ts';

/** The archives that are deployed, each unpacked and started by AWS's own runtime client, against the local cloud. */

const cloud = withCloud({
  predictionSeconds: 0.1,
  /** A cell is overdue within a second. */
  amend(stack) {
    for (const { key, environment } of stack.functions) if (key === 'poll') environment.OVERDUE_SECONDS = '1';
    return stack;
  },
});
const { load, testEachFunction } = sampleEvents(cloud);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'runtime-'));
  for (const [name, archive] of Object.entries(await packageFunctions(folder)))
    for (const [file, bytes] of Object.entries(unzipSync(await readFile(archive)))) {
      const unpacked = path.join(folder, 'task', name, file);
      await mkdir(path.dirname(unpacked), { recursive: true });
      await writeFile(unpacked, bytes);
    }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const NEXT = '/2018-06-01/runtime/invocation/next';
/** As long as a function may run at most. Some end by themselves when little of it is left. */
const TIME_MS = 900_000;

/**
 * Lambda's Runtime API for one event: the client asks for the next event, posts the answer, and asks again.
 * @returns what the client posted, and under which address
 */
async function serveEvent(event: unknown, functionKey: string) {
  const posted = Promise.withResolvers<{ url: string; body: string }>();
  let isTaken = false;
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method === 'POST') {
      response.writeHead(202).end('{}');
      return posted.resolve({ url: request.url ?? '', body });
    }
    // As Lambda does while there is nothing to do: it does not answer.
    if (request.url !== NEXT || isTaken) return;
    isTaken = true;
    response.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': '8476a536-e9f4-11e8-9739-2dfe598c3fcd',
      'lambda-runtime-deadline-ms': String(Date.now() + TIME_MS),
      'lambda-runtime-invoked-function-arn': `arn:aws:lambda:eu-central-1:000000000000:function:weaudit-local-${functionKey}`,
      'lambda-runtime-trace-id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
    });
    response.end(JSON.stringify(event));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted: posted.promise,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The function's answer in a process that is started as on Lambda. */
async function started(functionKey: string, file: string): Promise<Answer> {
  const api = await serveEvent(load(file), functionKey);
  const root = path.join(folder, 'task', functionKey);
  const handler = `functions/${functionKey}.handler`;
  const child = spawn(process.execPath, [runtimeClient, handler], {
    cwd: root,
    env: {
      ...cloud.cloud.environment(functionKey),
      AWS_LAMBDA_RUNTIME_API: api.address,
      LAMBDA_TASK_ROOT: root,
      _HANDLER: handler,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const ended = once(child, 'exit');
  try {
    const outcome = await Promise.race([api.posted, ended.then(([code]) => `it ended with ${code}`)]);
    if (typeof outcome === 'string' || !outcome.url.endsWith('/response'))
      throw new Error(`${functionKey} gave no answer: ${JSON.stringify(outcome)}\n${output}`);
    return { answer: JSON.parse(outcome.body), output };
  } finally {
    child.kill('SIGKILL');
    await ended;
    api.close();
  }
}

describe("the deployed archives under AWS's runtime client", () => testEachFunction(started));
