import { describe, expect, test } from '@jest/globals';
import { describeRereading, rereadAudit } from '../../cli/operator/reread.ts';
import { rereadResult } from '../../lib/audits/reread.ts';
import { closedResult } from '../../lib/cells/derive.ts';
import type { ObjectStore } from '../../lib/ports.ts';
import { planKey, resultKey } from '../../lib/records/keys.ts';
import { cellAt } from '../../lib/records/plan.ts';
import { EXPIRED, NO_REASON, type Result } from '../../lib/records/result.ts';
import { RULES } from '../../lib/replicate/reading/read.ts';
import { type AnswerCase, planOf, resultOf } from '../support/answers.ts';

const AUDIT = '7ybqs5nmqw8wp542h53xej6x3e';
const REFUSED =
  'The content could not be processed because it contained material flagged by a content checker.';

const given = (about: Partial<AnswerCase>): AnswerCase => ({
  family: '',
  source: '',
  expect: { status: '' },
  ...about,
});
const plan = { ...planOf(given({})), id: AUDIT };
const planned = cellAt(plan, 0).seed;

/** A result as it was written before rules had versions: the model's words are its own error, and nothing was read. */
async function older(about: Partial<AnswerCase>, read: Partial<Result>): Promise<Result> {
  const { reading: _reading, prediction, ...result } = await resultOf(given(about));
  const { error: _error, said: _said, dataRemoved: _removed, ...kept } = prediction!;
  return { ...result, prediction: kept, filtered: 0, seed: planned, seedSource: 'sent', ...read };
}

describe('a result that is read again', () => {
  test('by the rules that wrote it would not change', async () => {
    expect(
      rereadResult(plan, await resultOf(given({ error: REFUSED, logs: 'Using seed: 5' }))),
    ).toBeUndefined();
  });

  test('from before rules had versions is a refusal by the words that it kept', async () => {
    const result = await older({ error: REFUSED }, { status: 'failed' });
    expect(rereadResult(plan, result)).toMatchObject({
      cell: 0,
      changes: [{ field: 'status', recorded: 'failed', read: 'refused' }],
      words: [REFUSED],
    });
  });

  test('loses a seed that was never used, and a count that the log does not bear out', async () => {
    const logs = 'Random seed set to: 5150\nNSFW content detected in 0 outputs';
    const result = await older({ logs, output: ['https://replicate.delivery/1'] }, { filtered: 1 });
    expect(rereadResult(plan, result)).toMatchObject({
      changes: [
        { field: 'filtered', recorded: 1, read: 0 },
        { field: 'seed', recorded: planned, read: 5150 },
        { field: 'seedSource', recorded: 'sent', read: 'log' },
      ],
      words: ['NSFW content detected in 0 outputs', 'Random seed set to: 5150'],
    });
  });

  test('says when another rule reads the same refusal', async () => {
    const result = await resultOf(given({ error: REFUSED }));
    const other = { ...result.reading!, refusal: { family: 'another', words: REFUSED } };
    expect(rereadResult(plan, { ...result, reading: other })?.changes).toEqual([
      { field: 'refusal', recorded: 'another', read: 'safety' },
    ]);
  });

  test.each([
    ['expired at Replicate', { error: EXPIRED, status: 'failed' as const }, {}],
    ['failed without a reason', { error: NO_REASON, status: 'failed' as const }, { error: '' }],
  ])('stays as it is if it %s', async (_how, read, about) => {
    expect(rereadResult(plan, await older(about, read))).toBeUndefined();
  });

  test('stays as it is if its cell was closed without a prediction', () => {
    const closed = { closed: 'failed', error: REFUSED, closedAt: '' } as Parameters<typeof closedResult>[2];
    expect(rereadResult(plan, closedResult(plan, 0, closed))).toBeUndefined();
  });
});

describe('weaudit reread', () => {
  const results = new Map<string, unknown>();
  const store = {
    bucket: 'images',
    async *list(prefix: string) {
      for (const key of results.keys()) if (key.startsWith(prefix)) yield { key };
    },
    readJson: async (key: string) =>
      key === planKey(AUDIT)
        ? { value: { ...plan, samples: 2 } }
        : results.has(key) && { value: results.get(key) },
  } as unknown as ObjectStore;

  test('lists what would change with the words of the model, and counts the versions', async () => {
    results.clear();
    results.set(resultKey(AUDIT, 0), await older({ error: REFUSED }, { status: 'failed' }));
    results.set(resultKey(AUDIT, 1), {
      ...(await resultOf(given({ error: 'out of memory' }))),
      cell: 1,
      seed: null,
    });
    const reading = await rereadAudit(store, AUDIT);
    expect(reading).toMatchObject({
      results: 2,
      recorded: { none: 1, [RULES]: 1 },
      changed: [{ cell: 0 }, { cell: 1 }],
    });
    const text = describeRereading(reading);
    expect(text).toMatch(/^2 results read by version \d+ of the rules/);
    expect(text).toContain('2 results would change. Nothing was written');
    expect(text).toMatch(/0 +some\/model +status +failed +refused +The content could not be processed/);
  });

  test('says so if nothing would change', async () => {
    results.clear();
    results.set(resultKey(AUDIT, 0), await resultOf(given({ error: REFUSED })));
    expect(describeRereading(await rereadAudit(store, AUDIT))).toContain('Nothing would change.');
  });

  test.each(['nothing', '0'.repeat(26)])('refuses the audit %s, which does not exist', async (audit) => {
    const empty = { ...store, readJson: async () => undefined } as ObjectStore;
    await expect(rereadAudit(empty, audit)).rejects.toMatchObject({ status: 3 });
  });
});
