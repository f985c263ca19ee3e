import { countCells } from '../../lib/records/pairs.ts';
import type { Plan } from '../../web/src/api/types.ts';

/** A plan as the API gives it; prompts from factors where there are some. */
export function plan(over: Partial<Plan> = {}): Plan {
  const made: Plan = {
    id: '7z0000000000000000000000aa',
    name: 'Occupations',
    createdAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'tests',
    retention: 'standard',
    seed: 1,
    samples: 3,
    prompts: ['female', 'male'].flatMap((gender) =>
      ['doctor', 'nurse'].map((job) => ({ text: `a ${gender} ${job}`, factors: { gender, job } })),
    ),
    models: ['a/one', 'b/two'].map((model) => ({
      model,
      version: 'f'.repeat(64),
      input: {},
      inputs: ['prompt', 'seed'],
      seed: 'supported',
    })),
    input: {},
    cells: 0,
    ...over,
  };
  return { ...made, cells: countCells(made) };
}
