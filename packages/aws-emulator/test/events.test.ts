import { PutObjectCommand } from '@aws-sdk/client-s3';
import { waitFor } from '../../../test/support/wait-for.ts';
import { withEmulator } from './emulator.ts';

const local = withEmulator();
const keyOf = (script: string) => `in/${script}`;
const put = (Key: string) => local.s3().send(new PutObjectCommand({ Bucket: 'files', Key, Body: 'x' }));
const attempts = (functionKey: string, script: string) =>
  local.logged(functionKey).filter((line) => line.script === script).length;
const dead = (text: string) => local.running.queues.peek('dead').filter(({ body }) => body.includes(text));
const deadLetter = async (text: string) => {
  const [letter] = await waitFor(`a dead letter with ${text}`, () => dead(text).length > 0 && dead(text));
  return JSON.parse(letter!.body);
};

describe('events of a bucket reach the functions whose rules match', () => {
  test('every such function gets the event, with the key as it is', async () => {
    const key = keyOf('ä +%20');
    await put(key);
    for (const name of ['watcher', 'second']) {
      const line = await waitFor(`${name} logs the event`, () =>
        local.logged(name).find(({ event }) => event?.detail?.object?.key === key),
      );
      expect(line.event).toMatchObject({
        source: 'aws.s3',
        'detail-type': 'Object Created',
        detail: { bucket: { name: 'files' }, object: { size: 1 }, reason: 'PutObject' },
      });
    }
  });

  test('an event that no rule matches starts no function', async () => {
    await put('elsewhere/unmatched');
    await put(keyOf('after'));
    await waitFor('the later event is handled', () => attempts('watcher', 'after') === 1);
    await waitFor('nothing is left', () => local.running.idle());
    expect(['web', 'worker', 'watcher', 'second'].filter((key) => attempts(key, 'unmatched') > 0)).toEqual(
      [],
    );
  });

  test('an event that fails three times is in the dead-letter queue with the reason', async () => {
    await put(keyOf('fail'));
    expect(await deadLetter(keyOf('fail'))).toMatchObject({
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: { detail: { object: { key: keyOf('fail') } } },
      responsePayload: { errorType: 'TypeError', errorMessage: 'told to fail' },
    });
    await waitFor('both functions have given up', () => dead(keyOf('fail')).length === 2);
    const requestIds = local
      .logged('watcher')
      .filter(({ script }) => script === 'fail')
      .map(({ requestId }) => requestId);
    expect(requestIds).toHaveLength(3);
    expect(new Set(requestIds).size).toBe(1);
  });

  test('a process killed in the middle of an event is replaced, and the event is retried', async () => {
    await put(keyOf('hang'));
    for (const attempt of [1, 2, 3]) {
      await waitFor(`attempt ${attempt}`, () => attempts('watcher', 'hang') === attempt);
      expect(local.running.killFunction('watcher')).toBe(1);
    }
    expect((await deadLetter(keyOf('hang'))).responsePayload).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringContaining('signal: killed'),
    });
  });

  test('a schedule starts its function with a scheduled event', async () => {
    local.running.bus.fire({ name: 'hourly', functionKey: 'web', everySeconds: 3600, input: undefined });
    const line = await waitFor('web runs', () => local.logged('web')[0]);
    expect(line.event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} });
  });

  test('a restart continues with the events that were in progress', async () => {
    await put(keyOf('hang-before-restart'));
    await waitFor('watcher hangs', () => attempts('watcher', 'hang-before-restart') === 1);
    await local.restart();
    await waitFor('watcher runs again', () => attempts('watcher', 'hang-before-restart') === 1);
  });
});

describe('a queue starts its function', () => {
  test('a message is handled once and gone', async () => {
    local.running.queues.send('work', 'work');
    await waitFor('worker has run', () => attempts('worker', 'work') === 1);
    await waitFor('the queue is empty', () => local.running.queues.peek('work').length === 0);
    const line = local.logged('worker').find(({ script }) => script === 'work');
    expect(line.event.Records).toMatchObject([
      {
        body: 'work',
        eventSource: 'aws:sqs',
        eventSourceARN: expect.stringContaining(':work'),
        attributes: { ApproximateReceiveCount: '1' },
      },
    ]);
  });

  test.each(['fail', 'partial'])(
    'a message whose handling ends with "%s" stays, hidden for the visibility timeout',
    async (script) => {
      local.running.queues.send('work', script);
      await waitFor('worker has run', () => attempts('worker', script) === 1);
      const count = (what: string) =>
        local.running.logs('worker').filter((line) => line.startsWith(what)).length;
      await waitFor('worker rests', () => count('REPORT') === count('START'));
      const left = local.running.queues.peek('work').filter(({ body }) => body === script);
      expect(left).toMatchObject([{ receiveCount: 1 }]);
      expect(local.running.queues.counts('work').visible).toBe(0);
    },
  );
});
