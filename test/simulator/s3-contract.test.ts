import { readFileSync } from 'node:fs';
import { S3Store } from '../../lib/aws/objects.ts';
import type { Outcome } from '../../packages/aws-emulator/test/conformance/recorder.ts';
import {
  FIRST,
  SECOND,
  tellAll,
  VERBS,
  VERBS_ON_S3,
} from '../../packages/aws-emulator/test/conformance/verbs.ts';
import { Coverage } from '../../sim/coverage.ts';
import { EventLog, Kernel } from '../../sim/kernel.ts';
import { Process } from '../../sim/process.ts';
import { S3Model, Unmodelled } from '../../sim/s3.ts';
import type { Weather } from '../../sim/weather.ts';

const recorded = JSON.parse(
  readFileSync(new URL('../../packages/aws-emulator/test/conformance/verbs.json', import.meta.url), 'utf8'),
) as Record<string, Outcome>;

/** The simulator's S3 in a world in which nothing else happens. */
function emptyWorld() {
  const kernel = new Kernel(1, new EventLog());
  const s3 = new S3Model(kernel, [FIRST, SECOND]);
  const calm: Weather = { fateOf: () => 'answered', latency: () => ({ ms: 1, isSlow: false }) };
  const process = new Process('test', kernel, calm, new Coverage());
  process.thaw();
  /** Lets time pass until a promise is settled. */
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    let done = false;
    const end = () => {
      done = true;
    };
    promise.then(end, end);
    const tick = () => {
      if (!done) kernel.after(1, tick);
    };
    tick();
    await kernel.run(() => done);
    return promise;
  };
  const bytes = () =>
    [...s3.bucket(FIRST).versions.values()].flat().flatMap(({ body }) => (body ? [String(body)] : []));
  return { client: s3.client(process), settle, bytes };
}

let modelled: Record<string, Outcome>;
beforeAll(async () => {
  const { client, settle } = emptyWorld();
  modelled = await settle(tellAll(client));
});

test.each(Object.keys(VERBS))('%s: the simulated S3 answers as recorded', (name) => {
  expect(modelled[name]).toEqual(VERBS_ON_S3[name]?.(recorded[name]!) ?? recorded[name]);
});

test('the simulated S3 refuses what it has no model of, instead of guessing', async () => {
  const { client, settle } = emptyWorld();
  const { GetObjectCommand } = await import('@aws-sdk/client-s3');
  const sending = client.send(new GetObjectCommand({ Bucket: FIRST, Key: 'a', VersionId: 'v' }));
  await expect(settle(sending)).rejects.toThrow(Unmodelled);
});

test('in the simulated S3 an object is deleted if it is the one that was read, and no other', async () => {
  const { client, settle } = emptyWorld();
  const store = new S3Store(client, FIRST);
  await settle(
    (async () => {
      const etag = (await store.swapJson('a', 1, undefined))!;
      await store.replaceJson('a', 2);
      expect(await store.deleteIf('a', etag)).toBe(false);
      expect(await store.deleteIf('a', (await store.head('a'))!.etag)).toBe(true);
      expect(await store.deleteIf('a', etag)).toBe(false);
      expect(await store.exists('a')).toBe(false);
    })(),
  );
});

test('in the simulated S3 an object that is destroyed leaves no version, also behind a delete marker', async () => {
  const { client, settle, bytes } = emptyWorld();
  const store = new S3Store(client, FIRST);
  await settle(
    (async () => {
      await store.create('a', 'one');
      await store.destroy('a');
      expect(await store.exists('a')).toBe(false);
      // Behind a delete marker.
      expect(await store.create('a', 'two')).toBe(true);
      await store.delete(['a']);
      expect(await store.create('a', 'three')).toBe(true);
      await store.delete(['a']);
      await store.create('aa', 'another');
      await store.create('a/1', 'below');
      await store.destroy('a');
      expect(await store.exists('a')).toBe(false);
      expect(bytes()).toEqual(['another', 'below']);
      await store.destroy('a');
      await store.destroy('a/');
      expect(bytes()).toEqual(['another']);
    })(),
  );
});
