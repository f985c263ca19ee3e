import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll } from '@jest/globals';
import mime from 'mime-types';
import type { AuditStatus, Plan, Prediction, PredictionImage } from '../../../lib/contract/answers.ts';
import { prepareSite } from '../../../local/bundles.ts';
import { type Open, type Watched, withBrowser } from './browser.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
/** Where the pretended site and bucket are. Nothing leaves the browser. */
const ORIGIN = 'http://page.invalid';
const AUDIT = '7ychs9v1bzsamp1e0000000001';
const OTHER = '7ychs9v1bzsamp1e0000000002';
/** What the page does with these answers is tested; the contract's tests hold the real API to the same types. */
export interface Pretended {
  prompts: Plan['prompts'];
  models: string[];
  samples: number;
  input?: Record<string, unknown>;
  /** What became of a cell; it succeeded with one picture by default. */
  cell?: (n: number) => Partial<Prediction>;
  /** What is otherwise in its plan and its status. */
  plan?: Partial<Plan>;
  status?: Partial<AuditStatus>;
  /** The audit that it is compared with, where it differs. */
  other?: Partial<Pretended>;
  /** Answers of the API by path, such as `/api/models`. */
  answers?: Record<string, { status?: number; json: unknown }>;
  /** Answers for an image instead of its bytes. */
  image?: (path: string) => { status: number; body?: string } | 'never' | undefined;
}

export interface Pretence extends Watched {
  /** Requested paths of images, in order: `/original/<n>/<index>` and `/rendition/<n>/<index>`. */
  fetched: string[];
  /** The address of the audit's page, with more parameters. */
  address(more?: string): string;
  /** The address of the comparison with the other audit. */
  comparison: string;
}

/** A picture of the pretended audit. Without `rendition: undefined`, it is one that was decoded. */
export const picture = (n: number, index = 0, over: Partial<PredictionImage> = {}): PredictionImage => ({
  index,
  status: 'ok',
  key: `images/${AUDIT}/${n}/${index}`,
  sha256: `${n}${index}`.padStart(64, '0'),
  bytes: 2_000_000,
  contentType: 'image/png',
  format: 'png',
  width: 1024,
  height: 1024,
  url: `${ORIGIN}/original/${n}/${index}`,
  rendition: `${ORIGIN}/rendition/${n}/${index}`,
  ...over,
});

/** A picture that says what it is, so that a screenshot shows which file a tile has. */
const drawn = (name: string) => {
  const [, size = '', n = ''] = name.split('/');
  const hue = (Number(n) * 47) % 360;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512"><rect width="512" height="512" fill="hsl(${hue} 45% 70%)"/><circle cx="256" cy="200" r="110" fill="hsl(${hue} 40% 45%)"/><text x="256" y="440" font-size="64" text-anchor="middle">${size === 'original' ? 'original' : ''} ${n}</text></svg>`;
};

/** What the API answers about an audit. */
function madeUp(
  id: string,
  {
    prompts,
    models,
    samples,
    input = {},
    plan: changedPlan,
    status: changedStatus,
    cell = () => ({}),
  }: Pretended,
) {
  const cells = prompts.length * models.length * samples;
  const about = {
    ...{ id, name: 'Pretended', createdAt: '2026-01-01T00:00:00.000Z' },
    ...{ createdBy: 'tests', retention: 'short' as const },
  };
  const plan: Plan = {
    ...{ ...about, seed: 1, samples, prompts, input, cells },
    models: models.map((model) => ({ model, version: null, input: {}, inputs: null, seed: 'supported' })),
    ...changedPlan,
  };
  const predictions = Array.from({ length: cells }, (_, n): Prediction => {
    const pair = Math.floor(n / samples);
    const prompt = prompts[Math.floor(pair / models.length)]!;
    return {
      ...{ n, prompt: prompt.text, ...(prompt.factors ? { factors: prompt.factors } : {}) },
      ...{ model: models[pair % models.length]!, version: 'undisclosed', sample: n % samples },
      ...{ seed: n, seedSource: 'sent', status: 'succeeded', asked: 1, returned: 1, filtered: 0 },
      images: [picture(n)],
      ...cell(n),
    };
  });
  const counts = { waiting: 0, running: 0, succeeded: 0, failed: 0, refused: 0, canceled: 0 };
  for (const { status } of predictions) counts[status]++;
  const { name } = plan;
  const status = {
    ...about,
    name,
    predictions: cells,
    state: 'finished',
    counts,
    manifest: true,
    ...changedStatus,
  };
  return { plan, predictions, status };
}

/**
 * Opens the page with an audit whose answers and images are made here, so that it can show what would take long to run or
 * what no simulated model returns.
 * @param site folder of the built site
 */
async function openPretended(watched: Watched, site: string, audit: Pretended): Promise<Pretence> {
  const { image = () => undefined, answers = {}, other } = audit;
  const audits = new Map([
    [AUDIT, madeUp(AUDIT, audit)],
    [OTHER, madeUp(OTHER, { ...audit, ...other })],
  ]);
  const fetched: string[] = [];
  await watched.page.route(`${ORIGIN}/**`, async (route) => {
    const url = new URL(route.request().url());
    if (url.pathname.startsWith('/original/') || url.pathname.startsWith('/rendition/')) {
      fetched.push(url.pathname);
      const answer = image(url.pathname);
      if (answer === 'never') return;
      if (answer) return route.fulfill(answer);
      return route.fulfill({ contentType: 'image/svg+xml', body: drawn(url.pathname) });
    }
    if (url.pathname in answers) return route.fulfill(answers[url.pathname]!);
    const [, , , id = '', part] = url.pathname.split('/');
    const { plan, status, predictions } = audits.get(id) ?? {};
    if (part === 'plan') return route.fulfill({ json: plan });
    if (part === 'predictions') {
      const from = Number(url.searchParams.get('cursor'));
      const to = from + Number(url.searchParams.get('limit'));
      return route.fulfill({ json: { predictions: predictions?.slice(from, to) } });
    }
    if (status && part === undefined) return route.fulfill({ json: status });
    if (url.pathname.startsWith('/api/')) return route.fulfill({ json: {} });
    const file = path.join(site, url.pathname);
    return route.fulfill({ contentType: mime.lookup(file) || 'text/html', body: await readFile(file) });
  });
  return {
    ...watched,
    fetched,
    address: (more = '') => `/audit.html?id=${AUDIT}${more}`,
    comparison: `/compare.html?a=${AUDIT}&b=${OTHER}`,
  };
}

/** By default two prompts with one model and ten samples. */
export type OpenPretended = (
  audit: Partial<Pretended>,
  more?: string,
  options?: Parameters<Open>[1],
) => Promise<Pretence>;

/**
 * Builds the site and launches a browser for the tests of a `describe`; see `withBrowser`.
 * @returns what opens the page of a pretended audit
 */
export function withPretence(executable: string): OpenPretended {
  const open = withBrowser(executable);
  let site: string;
  beforeAll(async () => {
    site = await prepareSite(ROOT);
  });
  return async (audit, more = '', options = {}) => {
    const prompts = [{ text: 'a doctor' }, { text: 'a nurse' }];
    const pretence = await openPretended(await open(ORIGIN, options), site, {
      prompts,
      models: ['a/one'],
      samples: 10,
      ...audit,
    });
    await pretence.page.goto(pretence.address(more));
    return pretence;
  };
}
