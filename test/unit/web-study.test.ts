import { beforeAll, expect, test } from '@jest/globals';
import type { AuditEntry, AuditStatus, Study } from '../../web/src/api/types.ts';
import { commonPrompts } from '../../web/src/model/common.ts';
import { waitFor } from '../support/wait-for.ts';

/** A study as the page follows it, without a browser and with answers of this file. */

// The page's types need a DOM and those of the tests have none, so its modules are imported by computed names.
interface Live {
  study: { value: Study };
  statuses: { value: ReadonlyMap<string, AuditStatus> };
  prompts: { value: ReadonlyMap<string, { count: number; first: string[] }> };
  close(): void;
}

/** Answers the page's requests by path. */
let answer: (path: string) => object | undefined;
const asked: string[] = [];
let [open, most] = [0, 0];
let openStudy: (id: string) => Promise<Live>;

beforeAll(async () => {
  const silent = () => {};
  const events = { addEventListener: silent, removeEventListener: silent };
  const globals = {
    sessionStorage: { getItem: () => 'token', setItem: silent, removeItem: silent },
    navigator: { onLine: true, languages: ['en'] },
    document: { hidden: false, ...events },
    ...events,
    fetch: async (path: string) => {
      asked.push(path);
      most = Math.max(most, ++open);
      await new Promise(setImmediate);
      open--;
      const body = answer(path);
      return body ? Response.json(body) : Response.json({ detail: 'gone' }, { status: 404 });
    },
  };
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  const name = '../../web/src/live/study.ts';
  ({ openStudy } = await import(name));
});

const entry = (id: string, finished: boolean): AuditEntry => ({
  ...{ id, name: id, createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'ann', predictions: 2, finished },
});
const statusOf = (id: string, isOver: boolean) => ({
  ...{ id, predictions: 2, manifest: isOver, counts: { waiting: 0, running: isOver ? 0 : 2 } },
});

test('a study of a hundred audits reads the statuses of those that are not finished, four at a time, and each plan once', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `audit-${i}`);
  const running = ids.slice(0, 30);
  answer = (path) => {
    const [, , kind, id = '', rest] = path.split('/');
    if (kind === 'studies')
      return { name: 's', audits: ids.map((one) => entry(one, !running.includes(one))) };
    return rest === 'plan'
      ? { prompts: [{ text: `prompt of ${id}` }, { text: 'a nurse' }], models: [], seed: 1 }
      : statusOf(id, true);
  };
  const live = await openStudy('study-1');
  await waitFor('all prompts', async () => live.prompts.value.size === 100);
  live.close();
  expect(most).toBeLessThanOrEqual(4);
  const of = (end: RegExp) => asked.filter((path) => end.test(path)).sort();
  expect(of(/^\/api\/audits\/[^/]+$/)).toEqual(running.map((id) => `/api/audits/${id}`).sort());
  expect(of(/plan$/)).toEqual(ids.map((id) => `/api/audits/${id}/plan`).sort());
  expect(of(/studies/)).toHaveLength(1);
  expect(live.statuses.value.size).toBe(30);
});

test('an audit that is deleted while the study is open vanishes from it', async () => {
  let isDeleted = false;
  answer = (path) => {
    if (path.includes('/studies/'))
      return { name: 's', audits: ['a', ...(isDeleted ? [] : ['b'])].map((id) => entry(id, false)) };
    if (path.endsWith('/plan')) return { prompts: [], models: [], seed: 1 };
    const id = path.split('/').at(-1)!;
    if (id === 'b') isDeleted = true;
    return id === 'b' ? undefined : statusOf(id, false);
  };
  const live = await openStudy('study-2');
  await waitFor('one audit', async () => live.study.value.audits.length === 1);
  live.close();
  expect([...live.statuses.value.keys()]).toEqual(['a']);
});

test('what audits have in common is counted: their shared prompts, the audits that share one of them, and those that repeat samples', () => {
  const audit = (texts: string[], seed?: string, model = 'a/b') => ({ texts, seed, models: [model, 'x/y'] });
  const found = commonPrompts(
    new Map([
      ['a', audit(['nurse', 'doctor', 'judge'], '2 7')],
      ['b', audit(['doctor'], '2 8')],
      ['c', audit(['judge', 'pilot'], '2 7')],
      ['d', audit(['baker'], '2 7')],
      ['e', { ...audit(['nurse'], '2 7'), models: ['c/d'] }],
      ['f', audit(['nurse'])],
    ]),
  );
  expect(Object.fromEntries(found)).toEqual({
    a: { prompts: 3, audits: 4, repeated: ['c'] },
    b: { prompts: 1, audits: 1, repeated: [] },
    c: { prompts: 1, audits: 1, repeated: ['a'] },
    e: { prompts: 1, audits: 2, repeated: [] },
    f: { prompts: 1, audits: 2, repeated: [] },
  });
});
