import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Plan, Prediction, PredictionImage } from '../../web/src/api/types.ts';
import { factsOf } from '../../web/src/model/facts.ts';
import { plan } from '../support/web-plans.ts';

/** The parts of the page that talk to a server, without a browser and with answers of this file. */

// The page's types need a DOM and those of the tests have none, so its modules are imported by computed names.
interface Cells {
  readonly loaded: number;
  readonly hasOpen: boolean;
  at(n: number): Prediction | undefined;
  want(view: string, cells: number[]): () => void;
  refresh(): void;
  address(n: number, index: number, size: Size, expired?: string): Promise<string | undefined>;
  close(): void;
}
type Size = 'rendition' | 'original';
interface Live {
  status: { value: { counts: { succeeded: number } } };
  problem: { value: string | undefined };
  close(): void;
}
interface Page {
  newCells(plan: Plan, onProblem: (error: unknown) => void): Cells;
  fetchImage(cells: Cells, n: number, index: number, size: Size): Promise<Blob>;
  openAudit(id: string): Promise<Live>;
  readStatus(id: string): Promise<unknown>;
  sentenceOf(error: unknown): string;
  token: { value: string };
  tokenRejected: { value: boolean };
  keepToken(token: string): void;
}

const listeners = new Map<string, () => void>();
const listen = (name: string, listener: () => void) => void listeners.set(name, listener);
const tab = { hidden: false, onLine: true };
/** Requested addresses, in order. */
let asked: string[] = [];
/** Answers the page's requests; undefined: no answer arrives. */
let answer: (url: URL) => Response | undefined | Promise<Response>;
let page: Page;

beforeAll(async () => {
  const stored = new Map<string, string>();
  const globals = {
    sessionStorage: {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => void stored.set(name, value),
      removeItem: (name: string) => void stored.delete(name),
    },
    navigator: {
      languages: ['en-GB'],
      get onLine() {
        return tab.onLine;
      },
    },
    document: {
      get hidden() {
        return tab.hidden;
      },
      addEventListener: listen,
      removeEventListener: () => {},
    },
    addEventListener: listen,
    removeEventListener: () => {},
    fetch: async (input: string) => {
      const url = new URL(input, 'http://page');
      asked.push(`${url.pathname}${url.search}`);
      const response = await answer(url);
      if (!response) throw new TypeError('fetch failed');
      return response;
    },
  };
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  const load = (name: string) => import(`../../web/src/${name}.ts`);
  const [cells, images, audit, client, token] = await Promise.all(
    ['live/cells', 'images/load', 'live/audit', 'api/client', 'api/token'].map(load),
  );
  page = {
    newCells: (of, onProblem) => new cells.Cells(of, onProblem),
    fetchImage: images.fetchImage,
    openAudit: audit.openAudit,
    readStatus: client.readStatus,
    sentenceOf: audit.sentenceOf,
    token: token.token,
    tokenRejected: token.tokenRejected,
    keepToken: token.keepToken,
  };
});

beforeEach(() => {
  asked = [];
  tab.hidden = false;
  tab.onLine = true;
  page.keepToken('mine');
});
afterEach(() => {
  jest.useRealTimers();
});

const json = (body: unknown, status = 200) => Response.json(body, { status });
const prediction = (n: number, over: Partial<Prediction> = {}): Prediction => ({
  n,
  prompt: 'a female doctor',
  factors: { gender: 'female', job: 'doctor' },
  model: 'a/one',
  version: 'f'.repeat(64),
  sample: n % 3,
  seed: 5,
  seedSource: 'sent',
  status: 'succeeded',
  images: [{ index: 0, status: 'ok', url: `http://bucket/${n}?signature=1` }],
  ...over,
});
/** Answers a block of predictions, each as `of` makes it. */
const block = (url: URL, of: (n: number) => Prediction = prediction) => {
  const from = Number(url.searchParams.get('cursor'));
  return json({
    predictions: Array.from({ length: Number(url.searchParams.get('limit')) }, (_, i) => of(from + i)),
  });
};
/** Lets everything that was started run as far as it can without a clock. */
const settle = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
  await new Promise((resolve) =>
    jest.requireActual<typeof import('node:timers')>('node:timers').setImmediate(resolve),
  );
};
const large = (samples: number) => plan({ samples });
const problems: unknown[] = [];
const blocksAsked = () => asked.map((path) => Number(/cursor=(\d+)/.exec(path)?.[1]) / 100);

describe('the cells of an audit', () => {
  test('blocks in sight are loaded first, all others after them, each of them once', async () => {
    answer = (url) => block(url);
    // 8 prompts and models of 100 samples: eight blocks.
    const cells = page.newCells(large(100), (error) => problems.push(error));
    cells.want('grid', [650, 651, 310]);
    await settle();
    expect(blocksAsked().slice(0, 2).sort()).toEqual([3, 6]);
    expect(blocksAsked().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(cells.loaded).toBe(800);
    expect(cells.hasOpen).toBe(false);
    cells.refresh();
    await settle();
    expect(asked).toHaveLength(8);
  });

  test('a block that comes into sight while it loads is loaded once', async () => {
    answer = (url) => block(url);
    const cells = page.newCells(large(100), (error) => problems.push(error));
    cells.want('grid', []);
    cells.want('grid', [0, 650]);
    await settle();
    cells.want('grid', [0, 100]);
    await settle();
    expect(blocksAsked().toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('a refresh loads all open blocks in sight again, and one other', async () => {
    answer = (url) => block(url, (n) => prediction(n, { status: 'running', images: [] }));
    const cells = page.newCells(large(100), (error) => problems.push(error));
    cells.want('grid', [0, 100]);
    await settle();
    asked = [];
    cells.refresh();
    await settle();
    expect(blocksAsked()).toHaveLength(3);
    expect(blocksAsked()).toEqual(expect.arrayContaining([0, 1]));
    cells.close();
  });

  test('a busy server is reported as busy and asked again', async () => {
    jest.useFakeTimers();
    let busy = true;
    answer = (url) => (busy ? new Response('<html>', { status: 503 }) : block(url));
    const told: unknown[] = [];
    const cells = page.newCells(large(10), (error) => told.push(error));
    cells.want('grid', [0]);
    await settle();
    expect(String(told[0])).toContain('The server is busy.');
    busy = false;
    await jest.advanceTimersByTimeAsync(4_000);
    await settle();
    expect(cells.loaded).toBe(80);
  });

  test('a refused address is read again, once for all callers', async () => {
    let signature = 1;
    answer = (url) =>
      block(url, (n) =>
        prediction(n, {
          images: [{ index: 0, status: 'ok', url: `http://bucket/${n}?signature=${signature}` }],
        }),
      );
    const cells = page.newCells(large(10), (error) => problems.push(error));
    cells.want('grid', [0]);
    await settle();
    signature = 2;
    asked = [];
    expect(await cells.address(4, 0, 'original')).toBe('http://bucket/4?signature=1');
    expect(asked).toEqual([]);
    const both = await Promise.all(
      [4, 5].map((n) => cells.address(n, 0, 'original', `http://bucket/${n}?signature=1`)),
    );
    expect(both).toEqual(['http://bucket/4?signature=2', 'http://bucket/5?signature=2']);
    expect(asked).toHaveLength(1);
  });
});

describe('images', () => {
  const bytes = () => new Response('bytes', { headers: { 'content-type': 'image/png' } });
  /** Each plan has its own ID, because images are cached by audit. */
  let audits = 0;
  const open = async (bucket: (url: URL) => Response | undefined | Promise<Response>) => {
    answer = (url) => (url.host === 'bucket' ? bucket(url) : block(url));
    const cells = page.newCells(plan({ id: `audit-${audits++}`, samples: 10 }), (error) =>
      problems.push(error),
    );
    cells.want('grid', [0]);
    await settle();
    asked = [];
    return cells;
  };
  test('tiles show the rendition, and the original of an image that has none', async () => {
    const cells = await open(bytes);
    answer = (url) =>
      block(url, (n) =>
        prediction(n, {
          images: [
            { index: 0, status: 'ok', url: `http://bucket/${n}`, rendition: `http://bucket/small/${n}` },
            { index: 1, status: 'ok', url: `http://bucket/old/${n}` },
          ],
        }),
      );
    await cells.address(1, 0, 'original', 'http://bucket/1?signature=1');
    expect(await cells.address(1, 0, 'rendition')).toBe('http://bucket/small/1');
    expect(await cells.address(1, 0, 'original')).toBe('http://bucket/1');
    expect(await cells.address(1, 1, 'rendition')).toBe('http://bucket/old/1');
  });

  test('an expired address is renewed without an error', async () => {
    let signature = 1;
    const cells = await open(() => bytes());
    answer = (url) => {
      if (url.host === 'bucket')
        return url.searchParams.get('signature') === '2' ? bytes() : new Response('', { status: 403 });
      signature = 2;
      return block(url, (n) =>
        prediction(n, {
          images: [{ index: 0, status: 'ok', url: `http://bucket/${n}?signature=${signature}` }],
        }),
      );
    };
    await expect(page.fetchImage(cells, 1, 0, 'original')).resolves.toBeInstanceOf(Blob);
  });

  test('an error is a sentence, and says whether a retry may help', async () => {
    const cells = await open(() => undefined);
    const why = (n: number) =>
      page.fetchImage(cells, n, 0, 'rendition').then(
        () => undefined,
        (error) => error,
      );
    expect(await why(1)).toMatchObject({
      message: 'The image could not be loaded. The page retries automatically.',
      temporary: true,
    });
    tab.onLine = false;
    expect(await why(2)).toMatchObject({
      message: 'You are offline. The image loads when you reconnect.',
      temporary: true,
    });
    answer = () => new Response('', { status: 503 });
    expect(await why(3)).toMatchObject({ temporary: true });
    answer = () => new Response('', { status: 404 });
    expect(await why(4)).toMatchObject({ message: expect.stringContaining('404'), temporary: false });
  });
});

describe('an open audit', () => {
  const counts = { waiting: 0, running: 3, succeeded: 0, failed: 0, refused: 0, canceled: 0 };
  const polls = () => asked.filter((path) => path === '/api/audits/x').length;
  const open = async () => {
    jest.useFakeTimers();
    answer = (url) => {
      if (url.pathname.endsWith('/plan')) return json(plan({ id: 'x', samples: 1 }));
      if (url.pathname.endsWith('/predictions')) return block(url);
      return json({
        id: 'x',
        predictions: 8,
        state: 'running',
        manifest: false,
        counts: { ...counts, succeeded: polls() },
      });
    };
    return page.openAudit('x');
  };

  test('is polled every two seconds while it changes, every minute in a hidden tab, and at once when shown again', async () => {
    const live = await open();
    await jest.advanceTimersByTimeAsync(10_000);
    const seen = polls();
    expect(seen).toBeGreaterThanOrEqual(5);
    tab.hidden = true;
    listeners.get('visibilitychange')?.();
    await jest.advanceTimersByTimeAsync(59_000);
    expect(polls()).toBe(seen);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(polls()).toBe(seen + 1);
    tab.hidden = false;
    listeners.get('visibilitychange')?.();
    await jest.advanceTimersByTimeAsync(0);
    expect(polls()).toBe(seen + 2);
    live.close();
    await jest.advanceTimersByTimeAsync(120_000);
    expect(polls()).toBe(seen + 2);
  });

  test('says that the page is offline, is polled less often, and at once when online again', async () => {
    const live = await open();
    const whole = answer;
    answer = () => undefined;
    tab.onLine = false;
    await jest.advanceTimersByTimeAsync(30_000);
    expect(live.problem.value).toBe('You are offline. The page retries automatically.');
    // After 2, 4, 8 and 16 seconds.
    expect(polls()).toBeLessThanOrEqual(6);
    answer = whole;
    tab.onLine = true;
    listeners.get('online')?.();
    await jest.advanceTimersByTimeAsync(0);
    expect(live.problem.value).toBeUndefined();
    live.close();
  });
});

describe('an error of the API', () => {
  const message = () => page.readStatus('x').then(() => '', page.sentenceOf);

  test('is a sentence: the API’s own, or the page’s if something else answered', async () => {
    answer = () => json({ title: 'Conflict', detail: 'The audit is being deleted.' }, 409);
    expect(await message()).toBe('The audit is being deleted.');
    answer = () => new Response('<html>Bad gateway</html>', { status: 502 });
    expect(await message()).toBe('The server is busy. Try again in a few seconds.');
    answer = () => new Response('', { status: 418 });
    expect(await message()).toBe(
      'The server gave an unexpected answer (status 418). Try again. If it persists, tell an operator.',
    );
    answer = () => undefined;
    expect(await message()).toBe('The server did not answer. Try again in a few seconds.');
    tab.onLine = false;
    expect(await message()).toBe('You are offline. Try again in a few seconds.');
  });

  test('says what a token that may only read cannot do, and blames no token for a refusal of the bucket', async () => {
    answer = () => json({ detail: 'This request needs the scope "audit".' }, 403);
    expect(await message()).toMatch(/^Your token can only view audits\./);
    answer = () => new Response('<Error>AccessDenied</Error>', { status: 403 });
    expect(await message()).toContain('status 403');
  });

  test('makes the page forget a rejected token and say so, however many requests are rejected', async () => {
    answer = () => json({ detail: 'Who are you?' }, 401);
    await Promise.all([message(), message()]);
    expect(page.token.value).toBe('');
    expect(page.tokenRejected.value).toBe(true);
  });
});

describe('the facts about an image', () => {
  const facts = (over: Partial<Prediction>) =>
    new Map(
      factsOf(plan({ input: { steps: 4 } }), prediction(0, over), 0).map(({ name, value }) => [name, value]),
    );

  test('name the secrets that a model got as inputs, and show other inputs as JSON', () => {
    const input = { openai_api_key: { secret: 'openai' }, size: { w: 1 } };
    const told = factsOf(plan({ input }), prediction(0), 0).find(({ name }) => name === 'Inputs');
    expect(told?.value).toBe('{"openai_api_key":secret "openai","size":{"w":1}}');
  });

  test('include what was requested, which model answered, and what the bytes are', () => {
    const told = facts({
      completedAt: '2026-01-01T00:00:05Z',
      predictTime: 1.26,
      images: [
        {
          index: 0,
          status: 'ok',
          contentType: 'image/png',
          bytes: 52_300,
          sha256: 'ab'.repeat(32),
          width: 512,
          height: 512,
        },
      ],
    });
    expect(Object.fromEntries(told)).toMatchObject({
      Prompt: 'a female doctor',
      gender: 'female',
      Model: 'a/one',
      Inputs: '{"steps":4}',
      Sample: '1 of 3',
      Seed: '5, sent to the model',
      Outcome: 'succeeded',
      Completed: expect.stringMatching(/^1 Jan 2026, \d\d:00:05 .*, after 1\.3 s of processing$/),
      Size: '512 × 512 pixels, 52 kB, png',
      'SHA-256': 'ab'.repeat(32),
      Tags: 'status=ok  format=png  size=small  retention=standard',
    });
  });

  test('include what was seen in the picture, once it was decoded', () => {
    const seen = (image: Partial<PredictionImage>) =>
      facts({ images: [{ index: 0, status: 'ok', ...image }] }).get('Decoded');
    expect(seen({ format: 'webp', animated: true, alpha: false, c2pa: true, blank: false })).toBe(
      'WebP, animated, carries a C2PA manifest (its validity is not checked)',
    );
    expect(seen({ status: 'quarantined', format: 'jpeg', animated: false, reason: 'truncated' })).toBe(
      'JPEG, truncated',
    );
    expect(seen({ format: 'png' })).toBeUndefined();
  });

  test('include where the seed is from, and the words of a refusal', () => {
    expect(facts({ seed: null, seedSource: 'unsupported' }).get('Seed')).toBe(
      'none, the model does not accept a seed',
    );
    expect(facts({ seed: null, seedSource: 'unknown' }).get('Seed')).toContain('cannot be read');
    expect(facts({ seed: '18446744073709551615', seedSource: 'log' }).get('Seed')).toBe(
      '18446744073709551615, chosen by the model, read from its log',
    );
    expect(facts({ status: 'refused', error: 'sensitive (E005)', images: [] }).get('Outcome')).toBe(
      'refused: sensitive (E005)',
    );
    expect(facts({ asked: 4, returned: 3, filtered: 1 }).get('Images')).toBe(
      '4 requested, 3 returned, 1 filtered',
    );
  });
});
