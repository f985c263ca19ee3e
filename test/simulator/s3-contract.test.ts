import { readFileSync } from 'node:fs';
import { CopyObjectCommand, GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { S3Store } from '../../lib/aws/objects.ts';
import { listVersions, type ObjectVersion } from '../../lib/aws/versions.ts';
import type { Outcome } from '../../packages/aws-emulator/test/conformance/recorder.ts';
import {
  FIRST,
  SECOND,
  tellAll,
  VERBS,
  VERBS_ON_S3,
} from '../../packages/aws-emulator/test/conformance/verbs.ts';
import { startEndpoint } from '../../packages/aws-emulator/test/s3-endpoint.ts';
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
  const sending = client.send(new GetObjectCommand({ Bucket: FIRST, Key: 'a', PartNumber: 1 }));
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

test('the simulated S3 and the local one list, read and copy the same versions, also behind a delete marker', async () => {
  const told = async (client: S3Client) => {
    const store = new S3Store(client, FIRST);
    await store.create('v', 'one');
    await store.replaceJson('v', 'two, longer');
    await store.delete(['v']);
    const versions: ObjectVersion[] = [];
    for await (const version of listVersions(store, 'v')) versions.push(version);
    const oldest = versions.filter(({ isMarker }) => !isMarker).at(-1)!.versionId;
    const at = { Bucket: FIRST, Key: 'v', VersionId: oldest };
    const { Body } = await client.send(new GetObjectCommand(at));
    const { ContentLength, ChecksumSHA256 } = await client.send(
      new HeadObjectCommand({ ...at, ChecksumMode: 'ENABLED' }),
    );
    const CopySource = `${FIRST}/v?versionId=${encodeURIComponent(oldest)}`;
    await client.send(new CopyObjectCommand({ Bucket: SECOND, Key: 'v', CopySource, IfNoneMatch: '*' }));
    const copied = await new S3Store(client, SECOND).head('v');
    return {
      versions: versions.map(({ versionId: _, ...version }) => version),
      ...{ text: await Body!.transformToString(), ContentLength, ChecksumSHA256 },
      ...{ copied: copied?.bytes, sha256: copied?.sha256, current: await store.exists('v') },
    };
  };
  const local = await startEndpoint({
    buckets: [FIRST, SECOND].map((name) => ({ name, versioning: true, eventBridge: false })),
  });
  const { client, settle } = emptyWorld();
  try {
    const expected = await told(local.client);
    expect(expected.versions).toHaveLength(3);
    expect(await settle(told(client))).toEqual(expected);
  } finally {
    await local.end();
  }
});
