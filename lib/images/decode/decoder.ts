import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import * as v from 'valibot';
import { IMAGE_BYTES } from '../../limits.ts';
import type { Reason } from '../verdict.ts';
import { ANSWER_HEAD, EXIT, MAX_FACTS_BYTES, MAX_RENDITION_BYTES, requestHead } from './frames.ts';
import { Facts, type Looked } from './looked.ts';

export interface Limits {
  /** A larger file is not read to its end. */
  bytes: number;
  /** Width times height of an image. */
  pixels: number;
  /** Memory of the codecs, in bytes. The process has up to 250 MB more, and the image itself. */
  memoryBytes: number;
  /** Memory never shrinks: a process that ever had more, in MB, is not used again. */
  recycleMb: number;
  /** Processor time of an image, in milliseconds. */
  processorMs: number;
  /**
   * Time after which an image that uses no processor is given up. A machine that is busy must not reach it, and eight
   * images that do, as many as a record has, must leave time in a run of `tag`.
   */
  silenceMs: number;
}

export const LIMITS: Limits = {
  bytes: IMAGE_BYTES,
  pixels: 100_000_000,
  memoryBytes: 1024 ** 3,
  recycleMb: 512,
  processorMs: 20_000,
  silenceMs: 60_000,
};

/** An image that ends the sandbox is given to a fresh one again: the image before may have left the first one broken. */
const TRIES = 2;

export interface Decoder {
  /**
   * Says what an image is. Images are looked at one after another, in the order of the calls.
   * @param image its bytes, or a stream of them that is read to its end or to the limit
   * @throws if the signal aborts, the stream fails, or the sandbox cannot be started; never because of the image
   */
  look(image: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Looked>;
  /** Ends the sandbox. What is being looked at fails. */
  close(): void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** How a sandbox ended. */
interface End {
  code: number | null;
  words: string;
}

/**
 * Arguments of Node for a process that holds the codecs and nothing else: no files but its own, no child processes, no
 * native modules, no code from strings. lib/images/decode/sandbox/walls.ts takes the rest away, the network above all
 * (decision 0111).
 */
export const sandboxArguments = (folder: string): string[] => [
  '--permission',
  `--allow-fs-read=${path.join(folder, path.sep)}`,
  // The codecs' threads. They inherit these permissions.
  '--allow-worker',
  '--disallow-code-generation-from-strings',
  '--no-warnings',
  // Text and tables of the program itself. Images and codecs lie outside of that heap.
  '--max-old-space-size=256',
  path.join(folder, 'decoder.cjs'),
];

/** Nothing of this process's environment goes with it. */
const startSandbox = (folder: string, { memoryBytes, pixels, processorMs }: Limits): Child =>
  spawn(process.execPath, [...sandboxArguments(folder), ...[memoryBytes, pixels, processorMs].map(String)], {
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });

/** One process, from its start to its end. */
class Sandbox {
  readonly #child: Child;
  readonly #ended: Promise<End>;
  readonly #answers: AsyncIterator<Buffer>;
  /** Settles when it can take an image. */
  readonly ready: Promise<void>;

  constructor(folder: string, limits: Limits) {
    this.#child = startSandbox(folder, limits);
    let words = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-2_000);
    });
    // An image that is still being written when the process ends: its end says why.
    this.#child.stdin.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', ({ message }) => resolve({ code: null, words: message }));
      this.#child.on('close', (code) => resolve({ code, words }));
    });
    this.#answers = answersOf(this.#child.stdout);
    this.ready = this.#next().then(async (first) => {
      if (first !== undefined) return;
      const { words, code } = await this.#ended;
      throw new Error(
        `The image decoder did not start (exit status ${code}). Without it no image can be judged. ` +
          `Look whether decoder.cjs and codecs.wasm are in ${folder}. ${words}`.trim(),
      );
    });
    // An image waits for it; until then it is no unhandled rejection.
    this.ready.catch(() => {});
    this.hold(false);
  }

  /** Whether the sandbox keeps this process alive: while an image is looked at, and not while it waits for one. */
  hold(isHeld: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const handle of [this.#child, ...([stdin, stdout, stderr] as unknown[] as Socket[])])
      if (isHeld) handle.ref();
      else handle.unref();
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#answers.next();
      return done ? undefined : value;
    } catch {
      // It says what it may not say: it is no longer what was started.
      this.kill();
      return undefined;
    }
  }

  /** @returns what the sandbox finds of an image, or what it had found of it when it ended */
  async ask(image: Uint8Array): Promise<Looked> {
    this.#child.stdin.write(requestHead(image.length));
    this.#child.stdin.write(image);
    let last: Looked = { ...NOTHING, reason: 'crashed' };
    for (let answer = await this.#next(); answer !== undefined; answer = await this.#next()) {
      const looked = read(answer);
      if (!looked) {
        // It is no longer the program that was started.
        this.kill();
        return { ...last, reason: 'crashed' };
      }
      last = looked;
      if (!isProvisional(looked)) return looked;
    }
    return { ...last, reason: reasonOf(await this.#ended) };
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Answers, each of them with its head. @throws if one is longer than any may be */
async function* answersOf(stream: Readable): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= ANSWER_HEAD) {
      const facts = held.readUInt32BE(0);
      const rendition = held.readUInt32BE(4);
      if (facts > MAX_FACTS_BYTES || rendition > MAX_RENDITION_BYTES) throw new Error('too long an answer');
      const length = ANSWER_HEAD + facts + rendition;
      if (held.length < length) break;
      yield held.subarray(0, length);
      held = held.subarray(length);
    }
  }
}

/** What an answer says, or undefined where it is none that the sandbox's program gives. */
function read(answer: Buffer): Looked | undefined {
  const end = ANSWER_HEAD + answer.readUInt32BE(0);
  let facts: Facts;
  try {
    facts = v.parse(Facts, JSON.parse(answer.toString('utf8', ANSWER_HEAD, end)));
  } catch {
    return undefined;
  }
  if (facts.reason !== undefined) return { verdict: 'quarantined', ...facts };
  const rendition = answer.subarray(end);
  const isWebp =
    rendition.toString('latin1', 0, 4) === 'RIFF' && rendition.toString('latin1', 8, 12) === 'WEBP';
  return isWebp && facts.width > 0 && facts.height > 0 ? { verdict: 'ok', ...facts, rendition } : undefined;
}

/** What holds if the image ends the sandbox before it has said more. */
const isProvisional = ({ reason }: Looked) => reason === 'crashed';

/** Reasons after which the sandbox is gone, or had better be. */
const ENDED: (Reason | undefined)[] = ['crashed', 'too-slow', 'too-much-memory'];

const NOTHING = {
  verdict: 'quarantined',
  format: 'unknown',
  width: 0,
  height: 0,
  animated: false,
  alpha: false,
  c2pa: false,
  blank: false,
  processorMs: 0,
  peakMemoryMb: 0,
} as const;

function reasonOf({ code }: End): Reason {
  if (code === EXIT.tooSlow) return 'too-slow';
  return code === EXIT.tooMuchMemory ? 'too-much-memory' : 'crashed';
}

/** All bytes of a stream, or undefined where there are more than allowed. It is ended there. */
async function collect(stream: AsyncIterable<Uint8Array>, most: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/**
 * Starts a sandbox for images that strangers sent.
 * @param folder holds decoder.cjs and codecs.wasm, as build/decoder.ts makes them
 * @example
 * const decoder = createDecoder(import.meta.dirname);
 * const { verdict, reason, width, height, rendition } = await decoder.look(bytes);
 */
export function createDecoder(folder: string, limits: Limits = LIMITS): Decoder {
  let sandbox: Sandbox | undefined = new Sandbox(folder, limits);
  let isClosed = false;
  let turn: Promise<unknown> = Promise.resolve();

  /** One try with one sandbox, which is gone afterwards if the image ended it. */
  async function attempt(image: Uint8Array, signal: AbortSignal | undefined): Promise<Looked> {
    sandbox ??= new Sandbox(folder, limits);
    const current = sandbox;
    let wasSilent = false;
    const kill = () => current.kill();
    const timer = setTimeout(() => {
      wasSilent = true;
      kill();
    }, limits.silenceMs);
    signal?.addEventListener('abort', kill);
    current.hold(true);
    try {
      await current.ready;
      const looked = await current.ask(image);
      if (ENDED.includes(looked.reason) || looked.peakMemoryMb > limits.recycleMb) {
        kill();
        sandbox = undefined;
      }
      return wasSilent ? { ...looked, reason: 'too-slow' } : looked;
    } catch (error) {
      sandbox = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
      current.hold(false);
    }
  }

  async function look(
    image: Uint8Array | AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<Looked> {
    signal?.throwIfAborted();
    const bytes = image instanceof Uint8Array ? image : await collect(image, limits.bytes);
    if (bytes === undefined || bytes.length > limits.bytes) return { ...NOTHING, reason: 'too-large' };
    for (let tried = 1; ; tried += 1) {
      const looked = await attempt(bytes, signal);
      signal?.throwIfAborted();
      if (isClosed) throw new Error('The image decoder was closed while it looked at an image.');
      // Time and memory would be the same again.
      if (looked.reason !== 'crashed' || tried === TRIES) return looked;
    }
  }

  return {
    look(image, signal) {
      const result = turn.then(() => {
        if (isClosed) throw new Error('The image decoder is closed.');
        return look(image, signal);
      });
      turn = result.catch(() => {});
      return result;
    },
    close() {
      isClosed = true;
      sandbox?.kill();
      sandbox = undefined;
    },
  };
}
