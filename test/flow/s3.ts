import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { openS3, type S3Service } from '@weaudit/aws-emulator/s3';
import { STREAMING } from '../../lib/aws/objects.ts';
import { systemChance, systemTime } from '../../lib/system.ts';
import { S3Model } from '../../sim/s3.ts';

/** Two empty versioned buckets, `images` and `backup`, that a test begins with. */
export interface FlowS3 {
  /** Its requests meet the faults of the world. */
  readonly through: S3Client;
  /** The same buckets without faults, for assertions. */
  readonly truth: S3Client;
  /** Empty buckets, or what was kept. */
  begin(from?: Kept): Promise<void>;
  /** Ends, and keeps what is in the buckets. */
  keep(): Promise<Kept>;
  /** S3 answers so many more requests, and then takes each connection and says nothing. Only on loopback. */
  fallSilent?(after: number, onSilent: () => void): void;
  close(): Promise<void>;
}

/** Opens one of the two kinds. */
export type OpenS3 = (around: Around) => Promise<FlowS3>;

/** What buckets held. */
export interface Kept {
  readonly from: S3Model | string;
  remove(): Promise<void>;
}

interface Around {
  now: () => number;
  /** One request through the faults. @param lost the error of an answer that never came */
  step<T>(call: () => Promise<T>, lost: () => Error, isRead: boolean): Promise<T>;
  onTagged(key: string): void;
}

const BUCKETS = ['images', 'backup'];
const isRead = (command: string) => /^(Get|Head|List)/.test(command);

/** Requests go to the simulator's S3. Its client tries again as the SDK does, and loses no time by it. */
export async function inMemory({ now, step, onTagged }: Around): Promise<FlowS3> {
  const clock = {
    get now() {
      return now();
    },
    chance: { happens: () => false },
  };
  let model: S3Model;
  const client = (travel: Around['step']): S3Client => {
    const send = (command: object, options?: object) =>
      model
        .client({
          name: 'test',
          time: { ...systemTime, sleep: () => Promise.resolve() },
          chance: systemChance,
          call: ({ action }, effect, failed) =>
            travel(
              async () => {
                // What others began meanwhile comes between.
                await new Promise(setImmediate);
                return effect();
              },
              () => failed('lost'),
              isRead(action),
            ),
        })
        .send(command as never, options as never);
    return { send } as unknown as S3Client;
  };
  return {
    through: client(step),
    truth: client((call) => call()),
    async begin(from) {
      model = from ? (from.from as S3Model).copy() : new S3Model(clock, BUCKETS);
      model.onChange = ({ what, key }) => {
        if (what === 'Object Tags Added') onTagged(key);
      };
    },
    keep: async () => ({ from: model, remove: async () => {} }),
    close: async () => {},
  };
}

/** In memory where that can be: it is not the disk that is tried here. */
const DATA = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const REGION = 'eu-central-1';
/** The SDK warns of every stream that it cannot send again. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Starts a server on a free port of this machine. */
export const listen = async (handler: http.RequestListener) => {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
};

/** Requests go by the SDK's client over HTTP to the local S3. */
export async function onLoopback({ now, step, onTagged }: Around): Promise<FlowS3> {
  let silence: { from: number; onSilent: () => void } | undefined;
  let s3: S3Service | undefined;
  let dir: string | undefined;
  const { server, origin } = await listen((request, response) => {
    if (silence && --silence.from < 0) return silence.onSilent();
    void s3?.api.handle(request, response);
  });
  const config = {
    ...STREAMING,
    region: REGION,
    endpoint: origin,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    // Unsigned: everybody may do everything here, and the clock of S3 jumps, which signatures do not survive.
    signer: { sign: async (request: unknown) => request as never },
    logger: SILENT,
  };
  const through = new S3Client(config);
  through.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) =>
        step(
          () => next(args),
          () => Object.assign(new Error('the connection broke'), { name: 'TimeoutError' }),
          isRead(commandName),
        ),
    { step: 'finalizeRequest', priority: 'low', name: 'faults' },
  );
  const truth = new S3Client(config);
  const end = async () => {
    await s3?.stop();
    s3 = undefined;
    if (dir) await rm(dir, { recursive: true, force: true });
    dir = undefined;
  };
  return {
    through,
    truth,
    async begin(from) {
      await end();
      silence = undefined;
      dir = await mkdtemp(join(DATA, 'flow-'));
      if (from) await cp(from.from as string, dir, { recursive: true });
      s3 = await openS3({
        dataDir: dir,
        region: REGION,
        buckets: BUCKETS.map((name) => ({
          ...{ name, versioning: true, eventBridge: true },
          // Nothing is locked by itself.
          ...(name === 'backup' ? { objectLock: {} } : {}),
        })),
        credentials: () => undefined,
        authorize: () => true,
        onEvent: async ({ 'detail-type': kind, detail: { object } }) => {
          if (kind === 'Object Tags Added') onTagged(object.key);
        },
        now: () => new Date(now()),
      });
    },
    async keep() {
      await s3?.stop();
      s3 = undefined;
      const kept = dir!;
      dir = undefined;
      return { from: kept, remove: () => rm(kept, { recursive: true, force: true }) };
    },
    async close() {
      for (const client of [through, truth]) client.destroy();
      server.close();
      server.closeAllConnections();
      await end();
    },
    fallSilent(after, onSilent) {
      silence = { from: after, onSilent };
    },
  };
}
