import { PutObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { scriptedFunctions, withCloud } from '../support/cloud.ts';
import { waitFor } from '../support/wait-for.ts';

const local = withCloud(scriptedFunctions);
const IMAGES = 'weaudit-local-000000000000-images';
const RESULTS = (script: string) => `audits/a/results/${script}.json`;

const put = (Key: string) => local.s3().send(new PutObjectCommand({ Bucket: IMAGES, Key, Body: 'x' }));
const attempts = (functionKey: string, script: string) =>
  local.logged(functionKey).filter((line) => line.script === script).length;
const dead = (queue: string, text: string) =>
  local.cloud.queues.peek(`weaudit-local-${queue}-dead`).filter(({ body }) => body.includes(text));

describe('events of the images bucket reach the functions', () => {
  test('a result starts tag and metrics, with its key as it is', async () => {
    const key = RESULTS('ä +%20');
    await put(key);
    for (const name of ['tag', 'metrics']) {
      const line = await waitFor(`${name} logs the event`, () =>
        local.logged(name).find(({ event }) => event?.detail?.object?.key === key),
      );
      expect(line.event).toMatchObject({
        source: 'aws.s3',
        'detail-type': 'Object Created',
        detail: { bucket: { name: IMAGES }, object: { size: 1 }, reason: 'PutObject' },
      });
    }
  });

  test('an image starts no function before it is tagged, and then backup alone', async () => {
    const Key = 'images/a/00001/0';
    await put(Key);
    await put(RESULTS('after-the-image'));
    await waitFor('later events are handled', () => local.cloud.idle());
    const started = () =>
      local.cloud.stack.functions.map(({ key }) => key).filter((key) => attempts(key, '0') > 0);
    expect(started()).toEqual([]);
    const TagSet = [{ Key: 'status', Value: 'ok' }];
    await local.s3().send(new PutObjectTaggingCommand({ Bucket: IMAGES, Key, Tagging: { TagSet } }));
    await waitFor('backup runs', () => attempts('backup', '0') === 1);
    expect(started()).toEqual(['backup']);
  });

  test('an event that fails three times is in the dead-letter queue with the reason', async () => {
    await put(RESULTS('fail'));
    const [letter] = await waitFor('the event is dead', () => {
      const letters = dead('tag', RESULTS('fail'));
      return letters.length > 0 && letters;
    });
    expect(attempts('tag', 'fail.json')).toBe(3);
    const requestIds = local
      .logged('tag')
      .filter(({ script }) => script === 'fail.json')
      .map(({ requestId }) => requestId);
    expect(new Set(requestIds).size).toBe(1);
    expect(JSON.parse(letter?.body ?? '')).toMatchObject({
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: { detail: { object: { key: RESULTS('fail') } } },
      responsePayload: { errorType: 'TypeError', errorMessage: 'told to fail.json' },
    });
  });

  test('a process killed in the middle of an event is replaced, and the event is handled', async () => {
    await put(RESULTS('hang'));
    await waitFor('metrics hangs', () => attempts('metrics', 'hang.json') === 1);
    expect(local.cloud.killFunction('metrics')).toBe(1);
    await waitFor('metrics is tried again', () => attempts('metrics', 'hang.json') === 2);
    local.cloud.killFunction('metrics');
    await waitFor('and again', () => attempts('metrics', 'hang.json') === 3);
    local.cloud.killFunction('metrics');
    const [letter] = await waitFor('the event is dead', () => {
      const letters = dead('metrics', 'hang');
      return letters.length > 0 && letters;
    });
    expect(JSON.parse(letter?.body ?? '').responsePayload).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringContaining('signal: killed'),
    });
  });

  test('a schedule starts its function with a scheduled event', async () => {
    const [schedule] = local.cloud.stack.schedules;
    if (schedule !== undefined) local.cloud.bus.fire(schedule);
    const line = await waitFor('reconcile runs', () => local.logged('reconcile')[0]);
    expect(line.event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} });
  });

  test('a clean restart continues with the events that were under way', async () => {
    await put(RESULTS('hang-before-restart'));
    await waitFor('tag hangs', () => attempts('tag', 'hang-before-restart.json') === 1);
    await local.restart();
    await waitFor('tag runs again', () => attempts('tag', 'hang-before-restart.json') === 1);
  });
});

describe('the queue starts its function', () => {
  test('a message is handled once and gone', async () => {
    local.cloud.queues.send('weaudit-local-cells', 'work');
    await waitFor('dispatch has run', () => attempts('dispatch', 'work') === 1);
    await waitFor('the queue is empty', () => local.cloud.queues.peek('weaudit-local-cells').length === 0);
    const line = local.logged('dispatch').find(({ script }) => script === 'work');
    expect(line.event.Records).toMatchObject([
      {
        body: 'work',
        eventSource: 'aws:sqs',
        eventSourceARN: expect.stringContaining(':weaudit-local-cells'),
        attributes: { ApproximateReceiveCount: '1' },
      },
    ]);
  });

  test.each(['fail', 'partial'])(
    'a message whose handling ends with "%s" stays, hidden for the visibility timeout',
    async (script) => {
      local.cloud.queues.send('weaudit-local-cells', script);
      await waitFor('dispatch has run', () => attempts('dispatch', script) === 1);
      const ended = (line: string) => line.startsWith('REPORT');
      const started = (line: string) => line.startsWith('START');
      const count = (what: (line: string) => boolean) => local.cloud.logs('dispatch').filter(what).length;
      await waitFor('dispatch rests', () => count(ended) === count(started));
      const left = local.cloud.queues.peek('weaudit-local-cells').filter(({ body }) => body === script);
      expect(left).toMatchObject([{ receiveCount: 1 }]);
      expect(local.cloud.queues.counts('weaudit-local-cells').visible).toBe(0);
    },
  );
});
