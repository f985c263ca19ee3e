import path from 'node:path';
import { readServerless, readStack } from '@weaudit/aws-emulator/stack';

const ROOT = path.resolve(import.meta.dirname, '../..');

test.each([
  [6, 2, 10],
  [600, 2, 10],
  [3_000, 5, 25],
  [6_000, 10, 50],
])(
  'at %i creates a minute %i functions ask at once, share the rate, and %i look after what was asked for',
  async (perMinute, dispatchers, pollers) => {
    const configuration = await readServerless(ROOT, 'prod', [`createsPerMinute=${perMinute}`]);
    const { functions, queueSources } = readStack(configuration, '000000000000');
    const concurrency = Object.fromEntries(
      queueSources.map(({ functionKey, maximumConcurrency }) => [functionKey, maximumConcurrency]),
    );
    expect(concurrency).toEqual({ dispatch: dispatchers, poll: pollers });
    const told = functions.flatMap(({ environment }) => environment.DISPATCH_CONCURRENCY ?? []);
    expect(told).toEqual([String(dispatchers), String(dispatchers)]);
    const dispatch = functions.find(({ key }) => key === 'dispatch')!;
    expect(dispatch.environment.CREATES_PER_MINUTE).toBe(String(perMinute));
  },
);
