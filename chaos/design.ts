/** Every kind of output and end that the stand-in's models have. */
const MODELS: (string | { model: string; input: Record<string, unknown> })[] = [
  'simulated/flash',
  { model: 'simulated/flash', input: { num_outputs: 3 } },
  'simulated/portrait',
  'simulated/studio',
  'simulated/sketch',
  { model: 'simulated/sketch', input: { num_outputs: 3 } },
  'simulated/layers',
  { model: 'simulated/inline', input: { num_outputs: 2 } },
  'simulated/unreliable',
  { model: 'simulated/unreliable', input: { outcome: 'aborted-at-times' } },
];
/** The second prompt is refused, or a filter removes some of its images. */
const PROMPTS = ['a baker', 'a soldier with weapons', 'a judge', 'a nurse', 'a pilot'];

/** The number of predictions is a multiple of this. */
export const STEP = MODELS.length;

/** The body of `POST /api/audits` for an audit with that many predictions, over all models. */
export function design(predictions: number, seed: number) {
  const rows = predictions / STEP;
  if (!Number.isInteger(rows) || rows < 1)
    throw new RangeError(`The number of predictions must be a multiple of ${STEP}, not ${predictions}.`);
  const samples = [10, 5, 4, 2].find((n) => rows % n === 0 && rows / n >= PROMPTS.length) ?? 1;
  const prompts = Array.from({ length: rows / samples }, (_, n) => {
    const prompt = PROMPTS[n % PROMPTS.length];
    return n < PROMPTS.length ? prompt : `${prompt}, number ${n}`;
  });
  return { name: `chaos, seed ${seed}`, prompts, models: MODELS, samples, seed };
}
