import { waitFor } from '../../../test/support/wait-for.ts';
import { many } from '../iam/policy.ts';
import { isLoop, traceThrough } from '../lambda/lineage.ts';
import type { StackModel } from '../stack/model.ts';
import { withEmulator } from './emulator.ts';

/** `worker` may send to its own queue. */
const looping = (recursiveLoop: 'Allow' | 'Terminate') => (stack: StackModel) => {
  const worker = stack.functions.find(({ key }) => key === 'worker')!;
  worker.recursiveLoop = recursiveLoop;
  for (const policy of worker.role.policies)
    policy.Statement = many(policy.Statement).map((statement) =>
      many(statement.Action).includes('sqs:ReceiveMessage')
        ? { ...statement, Action: [...many(statement.Action), 'sqs:SendMessage'] }
        : statement,
    );
};

describe('a function that sends to the queue it reads', () => {
  const stopped = withEmulator(looping('Terminate'));
  const allowed = withEmulator(looping('Allow'));
  const handled = (local: typeof stopped) =>
    local.logged('worker').flatMap(({ script }) => (String(script).startsWith('again') ? [script] : []));

  test('is not invoked a seventeenth time by one chain: the message is a dead letter, and the reason is said', async () => {
    const { queues } = stopped.running;
    queues.send('work', 'again 20');
    await waitFor('a dead letter', () => queues.counts('dead').visible > 0);
    expect(queues.peek('dead').map(({ body }) => body)).toEqual(['again 4']);
    await waitFor('the last line of the log', () => handled(stopped).length >= 16);
    expect(handled(stopped)).toEqual(Array.from({ length: 16 }, (_, n) => `again ${20 - n}`));
    expect(stopped.warnings.join()).toMatch(/passed through worker 16 times.*RecursiveLoop: Allow/);
    // What another chain brings is handled.
    queues.send('work', 'again 1');
    await waitFor('its end', () => handled(stopped).includes('again 0'));
  });

  test('is invoked as often as it likes if its loop is allowed', async () => {
    const { queues } = allowed.running;
    queues.send('work', 'again 20');
    await waitFor('the end of the chain', () => handled(allowed).includes('again 0'));
    expect(handled(allowed)).toHaveLength(21);
    expect(queues.counts('dead').visible).toBe(0);
    expect(allowed.warnings).toEqual([]);
  });
});

test('each function on the way has a count of its own, and the root of the chain stays', () => {
  const one = { arn: 'arn:one', recursiveLoop: 'Terminate' } as const;
  const other = { ...one, arn: 'arn:other' };
  let trace = traceThrough(undefined, one);
  const root = trace.split(';')[0];
  for (let n = 0; n < 15; n++) trace = traceThrough(traceThrough(trace, other), one);
  expect([isLoop(trace, one), isLoop(trace, other)]).toEqual([true, false]);
  expect(isLoop(trace, { ...one, recursiveLoop: 'Allow' })).toBe(false);
  expect(trace.split(';')[0]).toBe(root);
  expect(root).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
});
