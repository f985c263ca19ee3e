import { generator } from '../lib/findings/agreed.ts';
import { type CellFacts, type FindingsInput, imageOf } from '../lib/findings/facts.ts';
import { pairAt } from '../lib/records/pairs.ts';

/** Made-up rounds, whose truth is known: to see whether findings say it. The pictures show shapes. */

/** Numbers from 0 to 1, and what is made of them. */
export interface Dice {
  next: () => number;
  /** Normally distributed. */
  normal: () => number;
}

export function diceOf(start: number): Dice {
  const next = generator(Math.imul(start + 1, 0x9e3779b1));
  return {
    next,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

export interface MadePrompt {
  text: string;
  factors?: Record<string, string>;
}

export interface MadeRound {
  prompts: readonly MadePrompt[];
  models: readonly string[];
  samples: number;
  /** Ids of the answers of the one question. Default: circle, other. */
  answers?: readonly string[];
  raters: number;
  /** The shape of a picture: the place of an answer. Drawn for each seed in turn. */
  shapeOf: (prompt: number, model: number, seed: number) => number;
  /** Whether the model refuses a picture of this shape. */
  isRefused?: (shape: number, model: number) => boolean;
  /** What a rater says of a shape. */
  saidOf?: (shape: number, rater: number) => string;
  /** All prompts share their seeds, as where a factor is compared. Default: true. */
  sharesSeeds?: boolean;
  contrasts?: FindingsInput['round']['contrasts'];
  reference?: string;
  seed?: number;
}

export const ROUND_ID = '7ybqs5wgyjept3mx0ka6k1t6az';
const AUDIT_ID = '7ybqs5wgyjept3mx0ka6k1t6ay';

/** @returns what findings are made from, and the shapes of the pictures that were not refused, by their places in the round */
export function makeRound(made: MadeRound): { input: FindingsInput; shapes: number[] } {
  const { prompts, models, samples, answers = ['circle', 'other'], raters, seed = 1 } = made;
  const names = answers.map((id) => id);
  const cells: CellFacts[] = [];
  const images: string[] = [];
  const shapes: number[] = [];
  const pairs = prompts.length * models.length;
  for (let k = 0; k < pairs; k++) {
    const [prompt, model] = pairAt({ prompts, models }, k)!;
    for (let sample = 0; sample < samples; sample++) {
      const n = k * samples + sample;
      const own = 1_000 + sample + (made.sharesSeeds === false ? prompt * samples : 0);
      const shape = made.shapeOf(prompt, model, own);
      const refused = made.isRefused?.(shape, model) ?? false;
      cells.push({
        ...{ n, status: refused ? 'refused' : 'succeeded', seed: own, seedSource: 'sent' },
        ...{ asked: 1, returned: refused ? 0 : 1, filtered: 0 },
        images: refused
          ? []
          : [{ index: 0, status: 'ok', blank: false, sha256: n.toString(16).padStart(64, '0') }],
      });
      if (refused) continue;
      images.push(imageOf(AUDIT_ID, n, 0));
      shapes.push(shape);
    }
  }
  const labels = shapes.flatMap((shape, item) =>
    Array.from({ length: raters }, (_, rater): FindingsInput['snapshot']['labels'][number] => [
      item,
      0,
      `${rater + 1}.1`,
      made.saidOf?.(shape, rater) ?? names[shape]!,
      1,
    ]),
  );
  const codebook: FindingsInput['codebook'] = {
    title: 'Shapes',
    questions: [
      {
        id: 'shape',
        text: 'Which shape does the picture show?',
        kind: 'one',
        answers: names.map((id, place) => ({ id, text: `A ${id}`, key: String(place) })),
      },
    ],
  };
  const input: FindingsInput = {
    audits: [
      {
        plan: {
          ...{ id: AUDIT_ID, name: 'Shapes', samples, input: {} },
          prompts: prompts.map(({ text, factors }) => (factors ? { text, factors } : { text })),
          models: models.map((model) => ({
            ...{ model, version: null, input: {}, inputs: null, seed: 'supported' as const },
          })),
          ...(made.reference === undefined ? {} : { reference: made.reference }),
        },
        cells,
      },
    ],
    round: {
      ...{ version: 1, id: ROUND_ID, name: 'Shapes', createdAt: '2026-02-01T10:00:00.000Z' },
      ...{ createdBy: 'ann', retention: 'standard', audits: [AUDIT_ID], codebook: 'c'.repeat(64) },
      ...{ seed, pictures: 'all', ratings: raters, repeats: 0, slots: raters },
      ...{ consent: 'You agree.', notice: '', exclusions: '', contrasts: made.contrasts ?? [] },
    },
    codebook,
    images,
    snapshot: {
      ...{ round: ROUND_ID, closedAt: '2026-02-02T10:00:00.000Z', codebook: 'c'.repeat(64), labels },
      ...{ reported: [], late: 0, withdrawn: [] },
    },
  };
  return { input, shapes };
}
