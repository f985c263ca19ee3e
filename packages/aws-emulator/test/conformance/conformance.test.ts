import { readFileSync } from 'node:fs';
import { startEndpoint } from '../s3-endpoint.ts';
import { CALLS, PLAIN, SCRATCH, VERSIONED } from './calls.ts';
import { DEVIATIONS, UNSAID_BY_MOTO } from './deviations.ts';
import { type Outcome, run } from './recorder.ts';

const recorded = JSON.parse(readFileSync(new URL('recorded.json', import.meta.url), 'utf8')) as Record<
  string,
  Outcome
>;

/** Ours without the fields that moto never says, where it did not say them. */
function comparable(ours: unknown, expected: unknown): unknown {
  if (Array.isArray(ours)) {
    return ours.map((item, index) => comparable(item, Array.isArray(expected) ? expected[index] : undefined));
  }
  if (typeof ours !== 'object' || ours === null) return ours;
  const other = (typeof expected === 'object' && expected !== null ? expected : {}) as Outcome;
  return Object.fromEntries(
    Object.entries(ours)
      .filter(([name]) => name in other || !UNSAID_BY_MOTO.includes(name))
      .map(([name, value]) => [name, comparable(value, other[name])]),
  );
}

let ours: Record<string, Outcome>;

beforeAll(async () => {
  const endpoint = await startEndpoint({
    buckets: [
      { name: VERSIONED, versioning: true, eventBridge: false },
      { name: PLAIN, versioning: false, eventBridge: false },
      { name: SCRATCH, versioning: false, eventBridge: false },
    ],
  });
  try {
    ours = await run(CALLS, endpoint.url);
  } finally {
    await endpoint.end();
  }
});

test('the recording is of the calls there are', () => {
  expect(Object.keys(recorded)).toEqual(CALLS.map(({ name }) => name));
});

test('no deviation is listed for a call that is gone, or without one', () => {
  for (const [name, { s3 }] of Object.entries(DEVIATIONS)) {
    expect(recorded).toHaveProperty([name]);
    expect({ name, outcome: s3(recorded[name]!) }).not.toEqual({ name, outcome: recorded[name] });
  }
});

test.each(CALLS.map(({ name }) => name))('%s: the local S3 answers as recorded', (name) => {
  const expected = DEVIATIONS[name]?.s3(recorded[name]!) ?? recorded[name];
  expect(comparable(ours[name], expected)).toEqual(expected);
});
