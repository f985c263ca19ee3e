import childProcess, { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { TestEnvironment } from 'jest-environment-node';

const refuse = (what: string) =>
  function refused(): never {
    throw new Error(
      `A unit test ${what}. Unit tests use no process, no network and no bundler, so that all of them end within seconds. ` +
        'Move the test to the project that its cost belongs to: CONTRIBUTING.md lists them.',
    );
  };

/** What everything else that starts a process, connects or listens goes through: fetch, http, esbuild, exec. */
const GUARDED: [owner: object, method: string, what: string][] = [
  [ChildProcess.prototype, 'spawn', 'started a process'],
  [childProcess, 'spawnSync', 'started a process'],
  [childProcess, 'execSync', 'started a process'],
  [childProcess, 'execFileSync', 'started a process'],
  [Socket.prototype, 'connect', 'opened a connection'],
  [Server.prototype, 'listen', 'opened a server'],
];

/** Node without processes and network. A worker runs files of several projects, so that it gives everything back. */
export default class UnitEnvironment extends TestEnvironment {
  #restore: (() => void)[] = [];

  override async setup(): Promise<void> {
    await super.setup();
    // Sentences of the page have numbers in them, which are written by the reader's locale.
    const navigator = { languages: ['en-GB'], onLine: true };
    Object.defineProperty(this.global, 'navigator', { value: navigator, configurable: true, writable: true });
    this.#restore = GUARDED.map(([owner, method, what]) => {
      const original = Object.getOwnPropertyDescriptor(owner, method)!;
      Object.defineProperty(owner, method, { ...original, value: refuse(what) });
      return () => Object.defineProperty(owner, method, original);
    });
  }

  override async teardown(): Promise<void> {
    for (const restore of this.#restore) restore();
    await super.teardown();
  }
}
