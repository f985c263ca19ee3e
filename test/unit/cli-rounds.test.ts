import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createCanvas } from '@napi-rs/canvas';
import { parse } from 'csv-parse/sync';
import { ApiClient } from '../../cli/api-client.ts';
import { readRoundRequest } from '../../cli/round.ts';
import { labelRows, labelsAsCsv, labelsAsJsonLines, writeImageFolder } from '../../cli/rounds/labels.ts';
import { readRound } from '../../cli/rounds/read.ts';
import { writeReport } from '../../cli/rounds/report.ts';
import { findingsOf } from '../../lib/findings/findings.ts';
import { shapeRound } from '../support/shape-round.ts';

/** What the command line makes of a closed round, from the answers of the API alone. */

const root = mkdtempSync(path.join(tmpdir(), 'weaudit-rounds-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const input = shapeRound({ samples: 4 });
const [audit] = input.audits;
const { plan } = audit!;
const ROUND = input.round.id;
const canvas = createCanvas(512, 512);
canvas.getContext('2d').fillRect(0, 0, 300, 300);
const RENDITION = canvas.toBuffer('image/webp');
const sha256 = (bytes: string) => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (n: number) => `image ${n}`;

/** The cells as the API answers them, with addresses. */
const predictions = audit!.cells.map((cell, n) => {
  const pair = Math.floor(n / plan.samples);
  const prompt = plan.prompts[Math.floor(pair / plan.models.length)]!;
  return {
    ...{ ...cell, prompt: prompt.text, factors: prompt.factors, version: 'v', sample: n % plan.samples },
    model: plan.models[pair % plan.models.length]!.model,
    images: cell.images.map((image) => ({
      ...image,
      ...{
        sha256: sha256(bytesOf(n)),
        bytes: bytesOf(n).length,
        contentType: 'image/png',
        key: `images/${n}`,
      },
      ...{ format: 'png', width: 1, height: 1, url: `http://s3/image/${n}` },
      // One picture was purged since.
      ...(n === 1 ? {} : { rendition: `http://s3/rendition/${n}` }),
    })),
  };
});

let isClosed = true;
let snapshots = 0;
/** Raters who withdrew after the snapshot was written. */
let gone: string[] = [];
const json = (body: unknown) => new Response(JSON.stringify(body));
async function served(address: string | URL | Request): Promise<Response> {
  const { pathname } = new URL(String(address));
  const [, kind, n] = /^\/(image|rendition)\/(\d+)$/.exec(pathname) ?? [];
  if (kind === 'image') return new Response(bytesOf(Number(n)));
  if (kind === 'rendition') return new Response(new Uint8Array(RENDITION));
  if (pathname === '/snapshot') return json(input.snapshot);
  if (pathname === `/api/rounds/${ROUND}`)
    return json({
      progress: [1, 2, 3].map((slot) => ({
        slot,
        raters: [1, 2].map((generation) => {
          const rater = `${slot}.${generation}`;
          return { rater, withdrawn: gone.includes(rater) };
        }),
      })),
    });
  if (pathname === `/api/rounds/${ROUND}/plan`)
    return json({ plan: input.round, codebook: input.codebook, images: input.images });
  if (pathname === `/api/rounds/${ROUND}/snapshot`) {
    if (!isClosed) return new Response(JSON.stringify({ detail: 'The round is open.' }), { status: 409 });
    // The first reader is told to wait.
    if (snapshots++ === 0) return new Response('{}', { status: 409, headers: { 'retry-after': '0.01' } });
    return new Response(null, { status: 303, headers: { location: 'http://s3/snapshot' } });
  }
  if (pathname === `/api/audits/${plan.id}/plan`) return json({ ...plan, cells: predictions.length });
  if (pathname === `/api/audits/${plan.id}/predictions`) return json({ predictions });
  return new Response('{}', { status: 404 });
}

const client = new ApiClient({ url: 'http://api', token: 't' }, served as typeof fetch);
const silent = { row: () => ({ update() {} }), stop() {} };
beforeAll(() => {
  jest.spyOn(globalThis, 'fetch').mockImplementation(served as typeof fetch);
});
afterAll(() => void jest.restoreAllMocks());

test('a round without what every round has is refused with the flags that give it', async () => {
  await expect(readRoundRequest(undefined, { audit: ['a'], name: 'Shapes' })).rejects.toThrow(
    'A round needs --question (in a file "codebook"), --consent (in a file "consent").',
  );
});

describe('the report', () => {
  test('is written with its files, whose numbers are those of the findings, and says which pictures are not there', async () => {
    const folder = path.join(root, 'report');
    const written = await writeReport(client, ROUND, folder, silent, 'We disagree.');
    expect(readdirSync(folder).sort()).toEqual([...written.files].sort());
    expect(written.missing).toBe(1);
    expect(written.findings.shares).toEqual(
      findingsOf({ ...input, audits: [{ plan, cells: predictions }] } as never).shares,
    );
    const html = readFileSync(path.join(folder, 'report.html'), 'utf8');
    expect(html.match(/src="data:image\/webp;base64,/g)).toHaveLength(written.thumbnails);
    expect(written.thumbnails).toBeGreaterThan(50);
    expect(html).toContain('not available any more');
    expect(html).toContain('<p>We disagree.</p>');
  });

  test('of an open round is refused: nobody stops at a result', async () => {
    isClosed = false;
    await expect(writeReport(client, ROUND, path.join(root, 'open'), silent)).rejects.toThrow(
      'The round is open.',
    );
    isClosed = true;
    expect(readdirSync(root)).not.toContain('open');
  });
});

test('labels of a rater who withdrew after the snapshot was written are in no report and no export', async () => {
  gone = ['2.2'];
  try {
    const facts = await readRound(client, ROUND, silent);
    expect(facts.input.snapshot.withdrawn).toEqual(gone);
    const left = input.snapshot.labels.filter(([, , rater]) => rater !== '2.2');
    expect(left.length).toBeLessThan(input.snapshot.labels.length);
    expect(facts.input.snapshot.labels).toEqual(left);
    expect(labelRows(facts)).toHaveLength(left.length);
    const folder = path.join(root, 'withdrawn');
    const { findings } = await writeReport(client, ROUND, folder, silent);
    expect(findings.raters).not.toContain('2.2');
    expect(readFileSync(path.join(folder, 'labels.csv'), 'utf8')).not.toContain(',2.2,');
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toContain('1 rater withdrawn');
  } finally {
    gone = [];
  }
});

test('a rater whom another one has replaced can be withdrawn, too', async () => {
  const asked: string[] = [];
  const recorder = (async (address: string | URL | Request, init?: RequestInit) => {
    asked.push(`${init?.method} ${new URL(String(address)).pathname}${new URL(String(address)).search}`);
    return json({ rater: '2.1', state: 'withdrawn' });
  }) as typeof fetch;
  const program = new ApiClient({ url: 'http://api', token: 't' }, recorder);
  await program.withdrawRater(ROUND, 2, 1);
  await program.withdrawRater(ROUND, 2);
  expect(asked).toEqual([
    `DELETE /api/rounds/${ROUND}/raters/2?generation=1`,
    `DELETE /api/rounds/${ROUND}/raters/2`,
  ]);
});

describe('labels', () => {
  test('are exported one by one with the picture that they are about, as CSV and as JSONL', async () => {
    const rows = labelRows(await readRound(client, ROUND, silent));
    expect(rows).toHaveLength(input.snapshot.labels.length);
    const [first] = rows;
    expect(first).toMatchObject({
      ...{
        audit: plan.id,
        index: 0,
        prompt: 'a red box',
        model: 'a/outline',
        rater: '1.1',
        question: 'shape',
      },
      ...{ factors: { color: 'red', thing: 'box', share_round: '20' }, seedSource: 'sent', showing: 1 },
    });
    const lines = labelsAsJsonLines(rows).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows);
    const table = parse(labelsAsCsv(rows), { bom: true, columns: true }) as Record<string, string>[];
    expect(table).toHaveLength(rows.length);
    const several = rows.findIndex(({ answer }) => Array.isArray(answer) && answer.length > 1);
    expect(table[several]!.answer).toBe('shadow frame');
    expect(table[several]!['factor:color']).toBe(rows[several]!.factors.color);
  });

  test('are exported with the images for datasets: lines of one form, without reported pictures', async () => {
    const folder = path.join(root, 'imagefolder');
    const facts = await readRound(client, ROUND, silent);
    const done = await writeImageFolder(facts, folder, 4, silent);
    expect(done).toMatchObject({ images: input.images.length - 1, failed: [] });
    const lines = readFileSync(path.join(folder, 'train/metadata.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(input.images.length - 1);
    expect(new Set(lines.map((line) => Object.keys(line).join())).size).toBe(1);
    for (const { file_name: name, sha256: sum } of lines)
      expect(sha256(readFileSync(path.join(folder, 'train', String(name)), 'utf8'))).toBe(sum);
    const [line] = lines;
    expect(line).toMatchObject({ audit: plan.id, prompt: 'a red box', factor_color: 'red' });
    expect(line!.ratings_shape).toHaveLength(3);
    expect(['circle', 'other', null]).toContain(line!.majority_shape);
    expect(['yes', 'no', null]).toContain(line!.majority_seen_shadow);
    expect(Object.values(line!)).not.toContain(undefined);
  });
});
