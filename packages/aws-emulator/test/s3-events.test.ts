import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { waitFor } from '../../../test/support/wait-for.ts';
import { type Endpoint, startEndpoint } from './s3-endpoint.ts';

const Bucket = 'versioned';
const Key = 'images/é +%25&.png';
let s3: Endpoint;
let failing = false;
let taken: unknown[] = [];

beforeAll(async () => {
  s3 = await startEndpoint({
    async onEvent(event) {
      if (failing) throw new Error('not now');
      taken.push(event);
    },
  });
});
afterAll(() => s3.end());
beforeEach(() => {
  taken = [];
});

test('each change of an object is reported as S3 reports it to EventBridge, before the change is answered', async () => {
  const put = await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
  expect(taken).toEqual([
    {
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'detail-type': 'Object Created',
      source: 'aws.s3',
      account: '000000000000',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      region: 'eu-central-1',
      resources: ['arn:aws:s3:::versioned'],
      detail: {
        version: '0',
        bucket: { name: 'versioned' },
        object: {
          key: Key,
          size: 1,
          etag: '9dd4e461268c8034f5c8564e155c67a6',
          'version-id': put.VersionId,
          sequencer: expect.stringMatching(/^[0-9A-F]{18}$/),
        },
        'request-id': expect.any(String),
        requester: '000000000000',
        'source-ip-address': '127.0.0.1',
        reason: 'PutObject',
      },
    },
  ]);
  const TagSet = [{ Key: 'status', Value: 'ok' }];
  await s3.client.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } }));
  await s3.client.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
  await s3.client.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'copy',
      CopySource: `${Bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`,
    }),
  );
  const marker = await s3.client.send(new DeleteObjectCommand({ Bucket, Key }));
  await s3.client.send(new DeleteObjectCommand({ Bucket, Key, VersionId: put.VersionId }));
  const object = { key: Key, etag: expect.any(String), 'version-id': put.VersionId };
  expect(taken.slice(1)).toMatchObject([
    { 'detail-type': 'Object Tags Added', detail: { object } },
    { 'detail-type': 'Object Tags Deleted', detail: { object } },
    { 'detail-type': 'Object Created', detail: { object: { key: 'copy' }, reason: 'CopyObject' } },
    {
      'detail-type': 'Object Deleted',
      detail: {
        object: { ...object, 'version-id': marker.VersionId },
        reason: 'DeleteObject',
        'deletion-type': 'Delete Marker Created',
      },
    },
    {
      'detail-type': 'Object Deleted',
      detail: { object, reason: 'DeleteObject', 'deletion-type': 'Permanently Deleted' },
    },
  ]);
});

test('the sequencer of a key grows with each write', async () => {
  for (const Body of ['1', '2', '3'])
    await s3.client.send(new PutObjectCommand({ Bucket, Key: 'grows', Body }));
  await s3.client.send(new DeleteObjectCommand({ Bucket, Key: 'grows' }));
  const sequencers = taken.map(
    (event) => (event as { detail: { object: { sequencer: string } } }).detail.object.sequencer,
  );
  expect(sequencers).toHaveLength(4);
  expect([...sequencers].sort()).toEqual(sequencers);
  expect(new Set(sequencers).size).toBe(4);
});

test('a refused write and a bucket without EventBridge report nothing', async () => {
  const refused = s3.client.send(
    new PutObjectCommand({ Bucket, Key: 'grows', Body: '', ContentLength: 0, IfMatch: '"no"' }),
  );
  await expect(refused).rejects.toThrow();
  await s3.client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'quiet', Body: 'x' }));
  expect(taken).toEqual([]);
});

test('an event that could not be handed over does not undo the write and is handed over later', async () => {
  failing = true;
  await s3.client.send(new PutObjectCommand({ Bucket, Key: 'later', Body: 'x' }));
  await s3.client.send(new HeadObjectCommand({ Bucket, Key: 'later' }));
  expect(taken).toEqual([]);
  failing = false;
  await waitFor('it is handed over', () => taken.length > 0);
  expect(taken).toMatchObject([{ detail: { object: { key: 'later' } } }]);
});
