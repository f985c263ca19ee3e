import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { bundleDecoder } from '../../build/decoder.ts';
import { sandboxArguments } from '../../lib/images/decode/decoder.ts';
import { preparedDecoder, preparedProgram } from '../support/decoder.ts';
import { waitFor } from '../support/wait-for.ts';

const SECRET = 'AKIA-planted-for-this-test';

/** Runs the probe. @returns what came of each way out, and how many connections arrived */
async function probe(mode: 'walled' | 'open', expected: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'probe-'));
  writeFileSync(path.join(folder, 'secret.txt'), SECRET);
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const sandbox = await preparedProgram('sandbox-probe.ts');
  const own = [String(port), folder, mode];
  process.env.AWS_SECRET_ACCESS_KEY = SECRET;
  const child =
    mode === 'open'
      ? spawn(process.execPath, [path.join(sandbox, 'decoder.cjs'), ...own], {
          env: { AWS_SECRET_ACCESS_KEY: SECRET },
        })
      : spawn(process.execPath, [...sandboxArguments(sandbox), ...own], { env: {} });
  try {
    const found = JSON.parse(await text(child.stdout)) as Record<string, string>;
    await waitFor('connections', () => connections >= expected);
    return { found, connections, wrote: existsSync(path.join(folder, 'written.txt')) };
  } finally {
    delete process.env.AWS_SECRET_ACCESS_KEY;
    child.kill('SIGKILL');
    server.close();
    rmSync(folder, { recursive: true });
  }
}

const LINUX = process.platform === 'linux';

describe('the sandbox that decodes images', () => {
  test('code that has taken it over sees no environment, no file, no network and starts nothing', async () => {
    const { found, connections, wrote } = await probe('walled', 0);
    expect(JSON.stringify(found)).not.toContain(SECRET);
    // The environment is there, and empty.
    const { 'the environment': own, 'the environment of the global process': global, ...rest } = found;
    expect(own).toBe('got: {}');
    expect(global).toBe('got: {"VIPS_CONCURRENCY":1,"UV_THREADPOOL_SIZE":"1"}');
    expect(Object.entries(rest).filter(([, what]) => !what.startsWith('refused: '))).toEqual([]);
    expect(connections).toBe(0);
    expect(wrote).toBe(false);
  });

  test('the same code finds all of it in a process without walls: the test above can fail', async () => {
    const { found, wrote } = await probe('open', 3);
    const got = Object.keys(found).filter((way) => found[way]?.startsWith('got: '));
    expect(got).toEqual(
      expect.arrayContaining([
        "a file of the project's",
        'a connection by import',
        'a connection by require',
        'a connection by getBuiltinModule',
        'another process',
        'code from a string',
      ]),
    );
    expect(found['the environment']).toContain(SECRET);
    if (LINUX) expect(found['its own environment in /proc']).toContain(SECRET);
    expect(wrote).toBe(true);
  });

  test('its program loads nothing of Node that reaches files, processes or a network, but to read images from its pipe', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'bundle-'));
    try {
      const { outputs } = await bundleDecoder(folder);
      const [output] = Object.values(outputs).filter(({ entryPoint }) => entryPoint !== undefined);
      const loaded = [...new Set(output?.imports.map(({ path }) => path))].sort();
      // fs for the pipes and the codecs' file, which the permissions bound; worker_threads for the codecs' threads.
      expect(loaded).toEqual([
        'node:events',
        'node:fs',
        'node:module',
        'node:path',
        'node:process',
        'node:stream',
        'node:util',
        'node:worker_threads',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('without its files the decoder says what is missing, and blames no image', async () => {
    const { createDecoder } = await import('../../lib/images/decode/decoder.ts');
    const decoder = createDecoder(path.join(await preparedDecoder(), 'nowhere'));
    await expect(decoder.look(Buffer.from('x'))).rejects.toThrow(
      /did not start .*decoder\.cjs and codecs\.wasm/s,
    );
    decoder.close();
  });
});
