import { type CellFacts, type FindingsInput, imageOf } from '../../lib/findings/facts.ts';
import { placeOf } from '../../lib/records/pairs.ts';
import { diceOf } from '../../sim/made-round.ts';

const AUDITS = ['7ybqs5wgyjept3mx0ka6k1t6ay', '7ybqs5wgyjept3mx0ka6k1t6ax', '7ybqs5wgyjept3mx0ka6k1t6aw'];

const CODEBOOK: FindingsInput['codebook'] = {
  title: 'Shapes',
  questions: [
    {
      ...{ id: 'shape', text: 'Which shape?', kind: 'one' },
      answers: ['circle', 'square', 'none'].map((id) => ({ id, text: `A ${id}`, key: id[0]! })),
    },
    {
      ...{ id: 'size', text: 'How large?', kind: 'scale', gate: { question: 'shape', answers: ['circle'] } },
      answers: ['small', 'medium', 'large'].map((id, i) => ({ id, text: id, key: String(i) })),
    },
    {
      ...{ id: 'seen', text: 'What else?', kind: 'any' },
      answers: ['shadow', 'frame', 'nothing'].map((id) => ({ id, text: `A ${id}`, key: id[0]! })),
    },
  ],
};

/**
 * A round of shapes that nobody thought of: audits with the same prompts, one rater or four, one seed or none, shares of 0 and of 100 %,
 * factors that some prompts lack, predictions with several pictures, refusals of one model, equal files, and raters who never meet.
 */
export function anyRound(start: number): FindingsInput {
  const dice = diceOf(start);
  const whole = (most: number) => Math.floor(dice.next() * most);
  const oneOf = <T>(of: readonly T[]): T => of[whole(of.length)]!;
  const chance = (share: number) => dice.next() < share;
  const levels = { color: ['red', 'blue', 'green'], thing: ['box', 'ball'] };
  const prompts = Array.from({ length: 1 + whole(6) }, (_, i) => ({
    text: `thing ${i}`,
    factors: Object.fromEntries(
      Object.entries(levels).flatMap(([name, values]) => (chance(0.8) ? [[name, oneOf(values)]] : [])),
    ),
  }));
  const models = ['a/a', 'b/b', 'c/c'].slice(0, 1 + whole(3));
  const seeds = oneOf(['shared', 'shared', 'own', 'one', 'none', 'unknown'] as const);
  const [refused, lost, blank, quarantined, filtered] = oneOf([
    [0, 0, 0, 0, 0],
    [0.15, 0.05, 0.05, 0.05, 0.05],
    [0.6, 0, 0.1, 0, 0.1],
  ]);
  const circles = oneOf([0, 1, 0.5, 0.95, 0.1]);
  const effect = oneOf([0, 0.5, 1]);
  const samples = 1 + whole(oneOf([3, 20, 30]));
  const outputs = oneOf([1, 1, 3]);
  const images: string[] = [];
  const truths: string[] = [];
  const audits = AUDITS.slice(0, 1 + whole(3)).map((id, place) => {
    const own = prompts.filter(() => chance(place === 0 ? 1 : 0.7));
    const plan = {
      ...{ id, name: id, samples, input: {} },
      prompts: own.length > 0 ? own : prompts,
      models: models
        .filter((_, i) => i === 0 || chance(0.8))
        .map((model) => ({ model, version: null, input: {}, inputs: null, seed: 'supported' as const })),
    };
    const count = plan.prompts.length * plan.models.length * samples;
    const cells = Array.from({ length: count }, (_, n): CellFacts => {
      const { model, sample } = placeOf(plan, n)!;
      const seed = { shared: 1_000 + sample, own: place * 100_000 + n, one: 7, unknown: 1_000 + sample };
      const about = {
        ...{ n, seed: seeds === 'none' ? null : seed[seeds] },
        seedSource: seeds === 'none' || seeds === 'unknown' ? 'unknown' : 'sent',
      };
      if (model === 0 && chance(refused!)) return { ...about, status: 'refused', images: [] };
      if (chance(lost!)) return { ...about, status: 'failed', images: [] };
      const returned = chance(filtered!) ? 0 : outputs;
      const made = Array.from({ length: returned }, (_, index) => {
        const status = chance(quarantined!) ? 'quarantined' : chance(lost!) ? 'lost' : 'ok';
        const same = chance(0.02) ? 'same' : `${id}/${n}/${index}`;
        const image = { index, status, blank: chance(blank!), sha256: same };
        if (status === 'ok' && !image.blank && chance(0.95)) {
          images.push(imageOf(id, n, index));
          truths.push(
            chance(model === 1 ? circles + effect * (0.5 - circles) * 2 : circles)
              ? 'circle'
              : oneOf(['square', 'none']),
          );
        }
        return image;
      });
      return {
        ...about,
        status: 'succeeded',
        asked: outputs,
        returned,
        filtered: outputs - returned,
        images: made,
      };
    });
    return { plan, cells };
  });
  const raters = 1 + whole(4);
  const [wrong, cannotTell] = [oneOf([0, 0.1, 0.5]), oneOf([0, 0.1, 1])];
  const meet = chance(0.8);
  const labels: FindingsInput['snapshot']['labels'] = [];
  for (const [item, truth] of truths.entries())
    for (let rater = 1; rater <= raters; rater++)
      for (const showing of item % 7 === 0 ? ([1, 2] as const) : ([1] as const)) {
        if (meet ? chance(0.1) : item % raters !== rater - 1) continue;
        const say = (question: number, answer: string | string[]) =>
          labels.push([item, question, `${rater}.${1 + (item % 2)}`, answer, showing]);
        const said = chance(cannotTell) ? 'cannot-tell' : chance(wrong) ? oneOf(['square', 'none']) : truth;
        say(0, chance(0.02) ? 'skipped' : said);
        if (said === 'circle') say(1, chance(0.1) ? 'cannot-tell' : oneOf(['small', 'medium', 'large']));
        if (chance(0.9))
          say(2, chance(0.1) ? 'cannot-tell' : oneOf([['shadow', 'frame'], ['shadow'], ['nothing']]));
      }
  const named: FindingsInput['round']['contrasts'] = [
    { question: 'shape', answer: 'circle', between: { model: true, one: 'b/b', other: 'a/a' } },
    { question: 'shape', answer: 'square', between: { model: true, one: 'c/c', other: 'a/a' } },
    { question: 'shape', answer: 'circle', between: { factor: 'color', one: 'red', other: 'blue' } },
    { question: 'size', answer: 'large', between: { factor: 'thing', one: 'ball', other: 'box' } },
    { question: 'seen', answer: 'shadow', between: { factor: 'color', one: 'green', other: 'red' } },
  ];
  return {
    audits,
    round: {
      ...{ version: 1, id: '7ybqs5wgyjept3mx0ka6k1t6az', name: 'Any', createdAt: '2026-02-01T10:00:00.000Z' },
      ...{
        createdBy: 'ann',
        retention: 'standard',
        audits: audits.map(({ plan }) => plan.id),
        codebook: 'c'.repeat(64),
      },
      ...{ seed: start, pictures: 'all', ratings: raters, repeats: 0, slots: raters },
      ...{ consent: 'You agree.', notice: '', exclusions: '', contrasts: named.slice(0, whole(6)) },
    },
    codebook: CODEBOOK,
    images,
    snapshot: {
      ...{
        round: '7ybqs5wgyjept3mx0ka6k1t6az',
        closedAt: '2026-02-02T10:00:00.000Z',
        codebook: 'c'.repeat(64),
      },
      ...{
        labels,
        reported: images.flatMap((_, item) => (chance(0.02) ? [item] : [])),
        late: 0,
        withdrawn: [],
      },
    },
  };
}
