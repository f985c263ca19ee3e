import { createHash } from 'node:crypto';
import type { ObjectStore } from '../lib/ports.ts';
import { blocksOf } from '../lib/records/blocks.ts';
import { judgementKeys } from '../lib/records/judgement.ts';
import { imageKey, manifestKey, openKey, planKey, renditionKey, summaryKey } from '../lib/records/keys.ts';
import { countCells } from '../lib/records/pairs.ts';
import { cellAt, type Plan } from '../lib/records/plan.ts';
import type { Result } from '../lib/records/result.ts';

/** What happened to a cell that has no picture to rate. */
export type Missing = 'refused' | 'blank' | 'quarantined' | 'undecoded';

/**
 * A finished audit, as the pipeline leaves it, without running one.
 * @param missing by cell
 */
export async function plantAudit(
  store: ObjectStore,
  change: Partial<Plan> & { id: string },
  missing: Record<number, Missing> = {},
): Promise<Plan> {
  const shape = {
    prompts: [
      { text: 'a nurse', factors: { job: 'nurse' } },
      { text: 'a chef', factors: { job: 'chef' } },
    ],
    models: ['a/alpha', 'b/beta'].map((model) => ({
      ...{ model, version: null, input: {}, inputs: ['prompt', 'seed'] },
      seed: 'supported' as const,
    })),
    samples: 4,
    ...change,
  };
  const plan: Plan = {
    ...{ version: 2, name: 'people', createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'ann', request: 'r' },
    ...{ retention: 'standard', seed: 7, input: {}, cells: countCells(shape) },
    ...shape,
  };
  const { id, retention } = plan;
  const tags = { retention };
  await store.createJson(planKey(id), plan, { tags });
  const write = async (n: number): Promise<Result> => {
    const how = missing[n];
    const { model, prompt, sample } = cellAt(plan, n);
    const sha256 = createHash('sha256').update(`${id}/${n}`).digest('hex');
    const image = { index: 0, key: imageKey(id, n, 0), sha256, bytes: 1, contentType: 'image/png' };
    if (how !== 'refused') {
      const decoded = { version: 1, animated: false, alpha: false, c2pa: false, blank: how === 'blank' };
      const judgement = {
        ...{
          status: how === 'quarantined' ? ('quarantined' as const) : ('ok' as const),
          format: 'png' as const,
        },
        ...{ width: 8, height: 8 },
        ...(how === 'undecoded' ? {} : { decoded }),
      };
      for (const key of judgementKeys(id, n, new Map([[0, judgement]])))
        await store.create(key, '', { tags });
      if (!how || how === 'blank')
        await store.create(
          renditionKey(id, n, 0),
          `RIFF ${createHash('sha256').update(`${id}/${n}`).digest('hex')}`,
          {
            contentType: 'image/webp',
            metadata: { 'secret-model': model.model },
            tags: { status: 'ok', retention },
          },
        );
    }
    return {
      ...{ audit: id, cell: n, model: model.model, sent: { input: { prompt: prompt.text } } },
      ...{ status: how === 'refused' ? 'refused' : 'succeeded', seed: sample, seedSource: 'sent' },
      ...{ asked: 1, returned: 1, filtered: 0, images: how === 'refused' ? [] : [image] },
      ...{ askedAt: null, storedAt: '2026-01-01T00:00:00.000Z' },
    };
  };
  for (const { from, to } of blocksOf(plan)) {
    const cells = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    await store.createJson(summaryKey(id, from), await Promise.all(cells.map(write)), { tags });
  }
  await store.createJson(manifestKey(id, 'json'), {}, { tags });
  await store.delete([openKey(id)]);
  return plan;
}
