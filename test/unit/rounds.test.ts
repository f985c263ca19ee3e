import fc from 'fast-check';
import * as v from 'valibot';
import { applicable, isComplete } from '../../lib/contract/gates.ts';
import { Codebook, type Given } from '../../lib/contract/round-request.ts';
import { codebookFaults, codebookId } from '../../lib/records/codebook.ts';
import { Places } from '../../lib/records/labels.ts';
import { opaqueName } from '../../lib/records/round.ts';
import { assignmentLength, assignmentOf, mostRepeats } from '../../lib/rounds/assignment.ts';
import { codebookOf, MONK_TONES, QUESTIONS } from '../../lib/rounds/templates.ts';
import { keyOf } from '../../web/src/rate/keys.ts';

/** Who rates what, and what codebooks hold. */

const itemsOf = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ opaque: opaqueName('secret', `a/${i}/0`), image: `a/${i}/0` }));
const listsOf = (plan: Parameters<typeof assignmentOf>[0]) =>
  Array.from({ length: plan.slots }, (_, i) => assignmentOf(plan, i + 1));

/** Any round that a request can ask for. */
const rounds = fc
  .record({
    seed: fc.nat(),
    ratings: fc.integer({ min: 1, max: 6 }),
    more: fc.integer({ min: 0, max: 12 }),
    count: fc.integer({ min: 1, max: 60 }),
    repeats: fc.nat({ max: 10 }),
  })
  .map(({ seed, ratings, more, count, repeats }) => {
    const items = itemsOf(count);
    const slots = ratings + more;
    return {
      seed,
      ratings,
      slots,
      items,
      repeats: Math.min(repeats, mostRepeats({ items, ratings, slots })),
    };
  });

describe('the assignment of a round', () => {
  test('gives each picture to exactly as many different slots as it has ratings, and each list differs by one at most', () => {
    fc.assert(
      fc.property(rounds, (plan) => {
        const lists = listsOf(plan).map((list) =>
          list.filter(({ showing }) => showing === 1).map(({ item }) => item),
        );
        for (const list of lists) expect(new Set(list).size).toBe(list.length);
        const counts = new Map<string, number>();
        for (const item of lists.flat()) counts.set(item, (counts.get(item) ?? 0) + 1);
        expect([...counts.keys()].sort()).toEqual(plan.items.map(({ opaque }) => opaque).sort());
        expect(new Set(counts.values())).toEqual(new Set([plan.ratings]));
        const lengths = lists.map(({ length }) => length);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('has a length that is known without the list', () => {
    fc.assert(
      fc.property(rounds, (plan) => {
        const lengths = listsOf(plan).map(({ length }) => length);
        expect(lengths.map((_, i) => assignmentLength(plan, i + 1))).toEqual(lengths);
      }),
    );
  });

  test('shows repeats once in the first half and once in the second, as many to each slot', () => {
    fc.assert(
      fc.property(rounds, (plan) => {
        for (const list of listsOf(plan)) {
          const again = list.flatMap(({ item, showing }, place) => (showing === 2 ? [{ item, place }] : []));
          expect(again).toHaveLength(plan.repeats);
          const half = Math.ceil((list.length - plan.repeats) / 2);
          for (const { item, place } of again) {
            expect(place).toBeGreaterThanOrEqual(half);
            expect(list.findIndex((one) => one.item === item && one.showing === 1)).toBeLessThan(half);
          }
        }
      }),
    );
  });

  test('follows from the seed alone: the same in another process, and another for another seed or slot', () => {
    const plan = { seed: 1, ratings: 3, slots: 3, repeats: 2, items: itemsOf(40) };
    expect(listsOf(structuredClone(plan))).toEqual(listsOf(plan));
    expect(listsOf({ ...plan, seed: 2 })).not.toEqual(listsOf(plan));
    expect(listsOf({ ...plan, items: [...plan.items].reverse() })).toEqual(listsOf(plan));
    const [one, other] = listsOf(plan);
    expect(one!.map(({ item }) => item).sort()).not.toEqual(one!.map(({ item }) => item));
    // All slots have the same pictures here, each in an order of its own from the first place on.
    expect(one!.slice(0, 10)).not.toEqual(other!.slice(0, 10));
  });

  test('puts no model first: every beginning of a list, and every two neighbors, have as many of each as by chance', () => {
    const items = itemsOf(2_000);
    const plan = { seed: 3, ratings: 3, slots: 50, repeats: 0, items };
    const isFirst = new Map(items.map(({ opaque }, i) => [opaque, i < 1_000]));
    const lists = listsOf(plan).map((list) => list.map(({ item }) => Number(isFirst.get(item)!)));
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    /** How many standard errors a beginning is from its share of the list, drawn without replacement. */
    const score = (list: number[], length: number) => {
      const [n, share] = [list.length, sum(list) / list.length];
      const variance = (length * share * (1 - share) * (n - length)) / (n - 1);
      return (sum(list.slice(0, length)) - length * share) / Math.sqrt(variance);
    };
    for (const length of [1, 2, 5, 10, 20, 40, 80]) {
      const scores = lists.map((list) => score(list, length));
      expect([length, Math.abs(sum(scores)) / Math.sqrt(50) < 4]).toEqual([length, true]);
      // Neither further from chance nor, as a balanced order would be, nearer to it.
      const squares = sum(scores.map((value) => value ** 2));
      expect([length, Math.abs(squares - 50) / 10 < 4]).toEqual([length, true]);
    }
    const alike = lists.flatMap((list) => list.slice(1).map((value, i) => Number(value === list[i])));
    expect(Math.abs(sum(alike) / alike.length - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / alike.length));
  });

  test('spreads who rates together: each pair of raters shares pictures', () => {
    const plan = { seed: 4, ratings: 3, slots: 6, repeats: 0, items: itemsOf(300) };
    const sets = listsOf(plan).map((list) => new Set(list.map(({ item }) => item)));
    const shared = sets.flatMap((one, i) =>
      sets.slice(i + 1).map((other) => [...one].filter((item) => other.has(item)).length),
    );
    // 300 pictures × 3 pairs ÷ 15 pairs: 60 each.
    expect(Math.min(...shared)).toBeGreaterThan(30);
    expect(Math.max(...shared)).toBeLessThan(90);
  });
});

describe('a codebook of the templates', () => {
  test('is valid, whichever questions are chosen, and brings those that their gates need', () => {
    fc.assert(
      fc.property(
        fc.subarray(
          QUESTIONS.map(({ id }) => id),
          { minLength: 1 },
        ),
        (ids) => {
          const codebook = codebookOf('Any', ids);
          expect(v.parse(Codebook, codebook)).toEqual(codebook);
          expect(codebookFaults(codebook)).toEqual([]);
          const known = codebook.questions.map(({ id }) => id);
          expect(known).toEqual(expect.arrayContaining(ids));
        },
      ),
    );
    expect(codebookOf('Skin', ['skin-tone']).questions.map(({ id }) => id)).toEqual([
      'persons',
      'skin-visible',
      'skin-tone',
    ]);
    expect(() => codebookOf('None', ['race'])).toThrow('no question "race"');
  });

  test('says "perceived" or asks for what is visible, never for a race, and offers ten tones in order', () => {
    const text = JSON.stringify(QUESTIONS).toLowerCase();
    expect(text).not.toMatch(/\brac(e|es|ial)\b|ethnic/);
    for (const id of ['gender-presentation', 'age'])
      expect(QUESTIONS.find((question) => question.id === id)!.text).toMatch(/perceived in the picture/);
    const tones = QUESTIONS.find(({ id }) => id === 'skin-tone')!;
    expect(tones.answers.map(({ id }) => id)).toEqual(MONK_TONES.map((_, i) => `monk-${i + 1}`));
    const light = MONK_TONES.map((color) => Number.parseInt(color.slice(1, 3), 16));
    expect(light.at(0)).toBeGreaterThan(light.at(-1)!);
  });
});

describe('a codebook', () => {
  const codebook = codebookOf('Skin', ['skin-tone']);
  const answered = (answers: Record<string, Given>) => new Map(Object.entries(answers));

  test('is named by what it says, however its members are ordered', () => {
    const turned = {
      questions: codebook.questions.map((one) => Object.fromEntries(Object.entries(one).reverse())),
      title: 'Skin',
    };
    expect(codebookId(turned as never)).toBe(codebookId(codebook));
    expect(codebookId({ ...codebook, title: 'Tone' })).not.toBe(codebookId(codebook));
  });

  test('is complete once all questions that are shown have answers, and one behind a closed gate is not shown', () => {
    expect(isComplete(codebook, answered({}))).toBe(false);
    expect(isComplete(codebook, answered({ persons: 'none' }))).toBe(true);
    expect(isComplete(codebook, answered({ persons: 'cannot-tell' }))).toBe(true);
    expect(isComplete(codebook, answered({ persons: 'skipped' }))).toBe(true);
    expect(isComplete(codebook, answered({ persons: 'one', 'skin-visible': 'yes' }))).toBe(false);
    expect(
      isComplete(codebook, answered({ persons: 'one', 'skin-visible': 'yes', 'skin-tone': 'monk-3' })),
    ).toBe(true);
    // A rater went back and saw nobody after all.
    const changed = answered({ persons: 'none', 'skin-visible': 'yes', 'skin-tone': 'monk-3' });
    expect([...applicable(codebook, changed)]).toEqual(['persons']);
  });

  test.each([
    ['two questions with one id', { id: 'persons' }, 'two questions have the id "persons"'],
    [
      'a gate that names no earlier question',
      { gate: { question: 'later', answers: ['x'] } },
      'names no earlier question',
    ],
    [
      'a gate that names an unknown answer',
      { gate: { question: 'persons', answers: ['x'] } },
      'names an answer that "persons" does not have',
    ],
    [
      'an answer that every question has',
      {
        answers: [
          { id: 'skipped', text: 'S', key: 's' },
          { id: 'a', text: 'A', key: 'a' },
        ],
      },
      'which every question has by itself',
    ],
    [
      'one key for two answers',
      {
        answers: [
          { id: 'a', text: 'A', key: 'x' },
          { id: 'b', text: 'B', key: 'x' },
        ],
      },
      'the key "x"',
    ],
  ])('is refused for %s', (_what, change, words) => {
    const extra = { ...codebook.questions[1]!, id: 'extra', ...change };
    const faults = codebookFaults({ ...codebook, questions: [...codebook.questions, extra] });
    expect(faults).toEqual([expect.stringContaining(words)]);
  });
});

test('places are counted once each, also after they were stored and read', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 99 })), fc.array(fc.nat({ max: 99 })), (before, after) => {
      const first = new Places(100);
      for (const place of before) first.add(place);
      const second = new Places(100, first.toString());
      for (const place of after) second.add(place);
      expect(second.size).toBe(new Set([...before, ...after]).size);
    }),
  );
});

test('a key counts on every keyboard: by what it writes, else by its place', () => {
  const press = (key: string, code: string) => keyOf({ key, code });
  expect([press('f', 'KeyF'), press('F', 'KeyF'), press('7', 'Numpad7')]).toEqual(['f', 'f', '7']);
  // French: digits need Shift, A and Q are exchanged. Russian and Greek: no Latin letters.
  expect([press('&', 'Digit1'), press('à', 'Digit0'), press('a', 'KeyQ')]).toEqual(['1', '0', 'a']);
  expect([press('а', 'KeyF'), press('φ', 'KeyF'), press('ü', 'BracketLeft')]).toEqual(['f', 'f', 'ü']);
  expect([press('.', 'Comma'), press(',', 'KeyM'), press('Escape', 'Escape')]).toEqual(['.', ',', 'escape']);
});
