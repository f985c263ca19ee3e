import fs from 'node:fs';
import module from 'node:module';
import nodeProcess from 'node:process';
import { closeDoor, raiseWalls } from '../../lib/images/decode/sandbox/walls.ts';

/**
 * Runs in the decoder's place, as code that has taken over the decoder would: it tries every way out that it knows, and
 * tells on standard output what came of each.
 */
const [port = '', folder = '', mode = ''] = nodeProcess.argv.slice(2);
type Call = (...args: unknown[]) => unknown;
type Anything = Record<string, Call> & Call;

/** Each way returns something that it got, or throws. */
const WAYS: Record<string, () => unknown> = {
  'the environment': () => JSON.stringify(nodeProcess.env),
  'the environment of the global process': () => JSON.stringify(globalThis.process.env),
  'its own environment in /proc': () => fs.readFileSync('/proc/self/environ', 'latin1'),
  "its parent's environment in /proc": () => fs.readFileSync(`/proc/${nodeProcess.ppid}/environ`, 'latin1'),
  'a file of the machine': () => fs.readFileSync('/etc/hostname', 'latin1'),
  "a file of the project's": () => fs.readFileSync(`${folder}/secret.txt`, 'latin1'),
  'a list of files': () => fs.readdirSync(folder).join(),
  'writing a file': () => {
    fs.writeFileSync(`${folder}/written.txt`, 'x');
    return 'written';
  },
  'a request by fetch': () => (globalThis as unknown as Anything).fetch!(`http://127.0.0.1:${port}/fetch`),
  'a web socket': () =>
    Reflect.construct((globalThis as unknown as Anything).WebSocket!, [`ws://127.0.0.1:${port}/socket`]),
  'a connection by import': async () =>
    ((await import('node:net')) as unknown as Anything).connect!(Number(port)),
  'a connection by require': () => (module.createRequire('/')('node:net') as Anything).connect!(Number(port)),
  "a connection by the module loader's own function": () =>
    ((module as unknown as Anything)._load!('node:net') as Anything).connect!(Number(port)),
  'a connection by getBuiltinModule': () =>
    (nodeProcess.getBuiltinModule('node:net') as unknown as Anything).connect!(Number(port)),
  'a datagram': () =>
    ((nodeProcess.getBuiltinModule('node:dgram') as unknown as Anything).createSocket!('udp4') as Anything)
      .send!('x', Number(port)),
  "a connection by the process's bindings": () =>
    JSON.stringify((nodeProcess as unknown as Anything).binding!('tcp_wrap')),
  'another process': () =>
    (module.createRequire('/')('node:child_process') as Anything).execSync!('env', { encoding: 'latin1' }),
  'a native module': () => nodeProcess.dlopen({ exports: {} }, '/usr/lib/libc.so.6'),
  'a worker with another program': () =>
    Reflect.construct((module.createRequire('/')('node:worker_threads') as Anything).Worker!, [
      '',
      { eval: true },
    ]),
  'code from a string': () =>
    ((Object.getPrototypeOf(main).constructor as Anything)('return process') as Call)(),
  'a debugger': () => (module.createRequire('/')('node:inspector') as Anything).open!(0),
};

async function main(): Promise<void> {
  if (mode !== 'open') {
    raiseWalls(1024 ** 3);
    await import('../../lib/images/decode/sandbox/look.ts');
    closeDoor();
  }
  const found: Record<string, string> = {};
  for (const [way, attempt] of Object.entries(WAYS))
    try {
      found[way] = `got: ${String(await attempt()).slice(0, 5_000)}`;
    } catch (error) {
      found[way] = `refused: ${(error as Error).message}`;
    }
  fs.writeSync(1, JSON.stringify(found));
  // It lives on until it is killed, so that what was sent on its way arrives.
  fs.closeSync(1);
}

void main();
