import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Database } from '@weaudit/sqlite';
import { openQueueStore, type QueueStore } from '../sqs/store.ts';

let folder: string;
let now: number;
let store: QueueStore;

const open = () => {
  const opened = openQueueStore(path.join(folder, 'queue.sqlite'), () => now);
  opened.configure({ name: 'dead', visibilitySeconds: 30, delaySeconds: 0 });
  opened.configure({
    name: 'cells',
    visibilitySeconds: 30,
    delaySeconds: 0,
    redrive: { deadLetterQueue: 'dead', maxReceiveCount: 2 },
  });
  return opened;
};
const receiveOne = async (queue = 'cells') => (await store.receive(queue))[0];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'queue-'));
  now = 1_800_000_000_000;
  store = open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

describe('the local queue', () => {
  test('a received message is hidden until its visibility timeout has passed', async () => {
    store.send('cells', 'one');
    expect((await receiveOne())?.body).toBe('one');
    expect(await receiveOne()).toBeUndefined();
    expect(store.counts('cells')).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    now += 30_000;
    expect((await receiveOne())?.receiveCount).toBe(2);
  });

  test('a deleted message never comes back', async () => {
    store.send('cells', 'one');
    const message = await receiveOne();
    expect(store.remove('cells', message?.receiptHandle ?? '')).toBe(true);
    now += 60_000;
    expect(await receiveOne()).toBeUndefined();
    expect(store.counts('cells')).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('an old receipt cannot delete a message that was received again since', async () => {
    store.send('cells', 'one');
    const first = await receiveOne();
    now += 30_000;
    await receiveOne();
    expect(store.remove('cells', first?.receiptHandle ?? '')).toBe(false);
  });

  test('a delayed message arrives after its delay', async () => {
    store.send('cells', 'later', { delaySeconds: 900 });
    expect(store.counts('cells')).toEqual({ visible: 0, inFlight: 0, delayed: 1 });
    now += 899_999;
    expect(await receiveOne()).toBeUndefined();
    now += 1;
    expect((await receiveOne())?.body).toBe('later');
  });

  test('visibility 0 hands a message out again at once, a longer one keeps it hidden', async () => {
    store.send('cells', 'one');
    const first = await receiveOne();
    expect(store.changeVisibility('cells', first?.receiptHandle ?? '', 0)).toBe(true);
    const second = await receiveOne();
    expect(second?.receiveCount).toBe(2);
    store.changeVisibility('cells', second?.receiptHandle ?? '', 100);
    now += 99_000;
    expect(await receiveOne()).toBeUndefined();
  });

  test('a message received too often moves to the dead-letter queue with its content', async () => {
    store.send('cells', 'poison', { attributes: { a: { DataType: 'String', StringValue: 'b' } } });
    for (let n = 0; n < 2; n += 1) {
      await receiveOne();
      now += 30_000;
    }
    expect(await receiveOne()).toBeUndefined();
    expect(store.peek('cells')).toEqual([]);
    expect(store.peek('dead')).toMatchObject([{ body: 'poison', attributes: { a: { StringValue: 'b' } } }]);
    expect((await receiveOne('dead'))?.movedFrom).toBe('cells');
  });

  test('a waiting receiver gets a message the moment it is sent', async () => {
    const waiting = store.receive('cells', { waitSeconds: 20 });
    store.send('cells', 'now');
    expect((await waiting)[0]?.body).toBe('now');
  });

  test('two receivers never get the same message', async () => {
    for (let n = 0; n < 20; n += 1) store.send('cells', String(n));
    const batches = await Promise.all(Array.from({ length: 4 }, () => store.receive('cells', { max: 10 })));
    const bodies = batches.flat().map(({ body }) => body);
    expect(new Set(bodies).size).toBe(20);
    expect(bodies).toHaveLength(20);
  });

  test('a transaction that fails leaves nothing behind', () => {
    expect(() =>
      store.transaction(() => {
        store.send('cells', 'one');
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(store.counts('cells').visible).toBe(0);
  });

  test('a file of an earlier version, which knew no trace headers, is opened with its messages', async () => {
    store.send('cells', 'old');
    store.close();
    const earlier = new Database(path.join(folder, 'queue.sqlite'), 'ALTER TABLE messages DROP COLUMN trace');
    earlier.close();
    store = open();
    store.send('cells', 'new', { trace: 'Root=1' });
    expect(await store.receive('cells', { max: 2 })).toMatchObject([
      { body: 'old', trace: undefined },
      { body: 'new', trace: 'Root=1' },
    ]);
  });

  test('a message that is given up becomes a dead letter, with its content', async () => {
    store.send('cells', 'loop');
    expect(store.bury('cells', (await receiveOne())!.receiptHandle)).toBe(true);
    expect(store.peek('cells')).toEqual([]);
    expect((await receiveOne('dead'))?.body).toBe('loop');
    store.send('dead', 'nowhere to go');
    expect(store.bury('dead', (await receiveOne('dead'))!.receiptHandle)).toBe(false);
  });

  test('a restart hands out what was in flight, without counting the interrupted attempt, and keeps delays', async () => {
    store.send('cells', 'in flight');
    store.send('cells', 'delayed', { delaySeconds: 60 });
    await receiveOne();
    store.close();
    store = open();
    expect(store.counts('cells')).toEqual({ visible: 1, inFlight: 0, delayed: 1 });
    expect(await receiveOne()).toMatchObject({ body: 'in flight', receiveCount: 1 });
  });
});
