import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ApiClient } from '../../cli/api-client.ts';
import { checkFolder } from '../../cli/download/check.ts';
import { downloadAudit } from '../../cli/download/download.ts';
import { downloadStudy } from '../../cli/download/study.ts';
import type { Study } from '../../lib/contract/answers.ts';
import { shapeRound } from '../support/shape-round.ts';

/** A download that nobody can vouch for but itself: made by the code that downloads, then changed by hand. */

const root = mkdtempSync(path.join(tmpdir(), 'weaudit-folder-'));
const intact = path.join(root, 'intact');
afterAll(() => rmSync(root, { recursive: true, force: true }));

const silent = { row: () => ({ update() {} }), stop() {} };
const AUDIT = '7ychs9v1bzsamp1e0000000001';
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

const BYTES = ['first image', 'second image'];
const images = (n: number) => [
  {
    ...{ index: 0, key: `images/${AUDIT}/0000${n}/0`, status: 'ok', contentType: 'image/png' },
    ...{ sha256: sha256(BYTES[n]!), bytes: BYTES[n]!.length, width: 1, height: 1 },
  },
];
const cell = (n: number) => ({
  ...{ n, prompt: `a cat, ${n}`, model: 'x/y', version: 'v', sample: n, seed: n, seedSource: 'sent' },
  status: 'succeeded',
});
const MANIFEST = `{"audit":{"id":"${AUDIT}"},"createdAt":"2026-01-01","cells":[
${[0, 1].map((n) => JSON.stringify({ ...cell(n), images: images(n) })).join(',\n')}
]}
`;
const ROUND = shapeRound({ samples: 2 });
const SERVED: Record<string, string> = {
  '/snapshot': JSON.stringify(ROUND.snapshot),
  '/image/0': BYTES[0]!,
  '/image/1': BYTES[1]!,
  '/rendition/0': 'small 0',
  '/rendition/1': 'small 1',
  '/json': MANIFEST,
  '/csv': 'n,prompt\n0,"a cat, 0"\n',
};

const client = {
  status: async () => ({
    ...{ id: AUDIT, name: 'n', createdAt: '2026-01-01', createdBy: 'b', predictions: 2 },
    counts: { waiting: 0, running: 0, succeeded: 2, failed: 0, refused: 0, canceled: 0 },
  }),
  page: async () => ({
    predictions: [0, 1].map((n) => ({
      ...cell(n),
      images: images(n).map((image) => ({
        ...image,
        ...{ url: `http://bucket/image/${n}`, rendition: `http://bucket/rendition/${n}` },
      })),
    })),
  }),
  // One that is closed, whose second rater has withdrawn since, and one that is open.
  rounds: async function* () {
    yield { id: ROUND.round.id, name: 'Shapes & more', state: 'closed' };
    yield { id: 'open', name: 'More', state: 'open' };
  },
  roundPlan: async () => ({ plan: ROUND.round, codebook: ROUND.codebook, images: ROUND.images }),
  snapshotUrl: async () => 'http://bucket/snapshot',
  round: async () => ({ progress: [{ raters: [{ rater: '2.1', withdrawn: true }] }] }),
  manifestUrl: async (_audit: string, format: string) => `http://bucket/${format}`,
} as unknown as ApiClient;

const options = { format: 'gallery', parallel: 2, wait: false } as const;
async function served<T>(downloading: () => Promise<T>): Promise<T> {
  const fetching = jest
    .spyOn(globalThis, 'fetch')
    .mockImplementation(async (address) => new Response(SERVED[new URL(String(address)).pathname]));
  return downloading().finally(() => fetching.mockRestore());
}
const download = (into: string) => served(() => downloadAudit(client, AUDIT, into, options, silent));

/** A copy of the download, changed. @returns what the check says of it */
let copies = 0;
async function checked(change: (at: (file: string) => string) => void) {
  const copy = path.join(root, `copy-${copies++}`);
  cpSync(intact, copy, { recursive: true });
  change((file) => path.join(copy, file));
  const { problems } = await checkFolder(copy, silent);
  return problems.map(({ file, problem }) => `${file}: ${problem.split(/[:,]/)[0]}`);
}
const edit = (file: string, from: string, to: string) =>
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));

beforeAll(() => download(intact));

describe('a downloaded folder', () => {
  test('has a SHA-256 for each of its files: images, renditions, page, manifests and labels', async () => {
    const listed = readFileSync(path.join(intact, 'SHA256SUMS'), 'utf8').trim().split('\n');
    expect(listed.map((line) => line.slice(66))).toEqual([
      ...['images/00000-0.png', 'images/00001-0.png', 'thumbnails/00000-0.webp', 'thumbnails/00001-0.webp'],
      ...['index.html', 'manifest.json', 'manifest.csv', 'manifest.xlsx'],
      ...[`rounds/${ROUND.round.id}/round.json`, `rounds/${ROUND.round.id}/labels.csv`],
    ]);
    for (const line of listed)
      expect(line.slice(0, 64)).toBe(sha256(readFileSync(path.join(intact, line.slice(66)))));
    expect(await checkFolder(intact, silent)).toEqual({
      ...{ files: 10, problems: [] },
      seal: sha256(readFileSync(path.join(intact, 'SHA256SUMS'), 'utf8')),
    });
  });

  test('has the labels of closed rating rounds that count, and names the rounds that are open', async () => {
    const labels = readFileSync(path.join(intact, `rounds/${ROUND.round.id}/labels.csv`), 'utf8');
    const counted = ROUND.snapshot.labels.filter(([, , rater]) => rater !== '2.1');
    expect(counted.length).toBeLessThan(ROUND.snapshot.labels.length);
    expect(labels.trim().split('\n')).toHaveLength(1 + counted.length);
    expect(labels).not.toContain(',2.1,');
    const page = readFileSync(path.join(intact, 'index.html'), 'utf8');
    expect(page).toContain('“Shapes &amp; more”');
    expect(page).toContain(`href="rounds/${ROUND.round.id}/labels.csv"`);
    expect(page).toContain('“More”: not closed yet');
    expect(
      await checked((at) => edit(at(`rounds/${ROUND.round.id}/labels.csv`), 'circle', 'square')),
    ).toEqual([`rounds/${ROUND.round.id}/labels.csv: changed`]);
  });

  test('that was changed names each file: one byte, one prompt, one removed, one added', async () => {
    expect(
      await checked((at) => {
        edit(at('images/00000-0.png'), 'first', 'fjrst');
        edit(at('manifest.json'), 'a cat, 1', 'a dog, 1');
        rmSync(at('thumbnails/00001-0.webp'));
        writeFileSync(at('images/00002-0.png'), 'another');
      }),
    ).toEqual([
      'images/00000-0.png: changed',
      'thumbnails/00001-0.webp: missing',
      'manifest.json: changed',
      'images/00002-0.png: added',
    ]);
  });

  test('whose checksums were changed with an image, or lost a line, contradicts its manifest', async () => {
    expect(
      await checked((at) => {
        writeFileSync(at('images/00000-0.png'), 'exchanged');
        edit(at('SHA256SUMS'), sha256(BYTES[0]!), sha256('exchanged'));
        rmSync(at('images/00001-0.png'));
        edit(at('SHA256SUMS'), `${sha256(BYTES[1]!)}  images/00001-0.png\n`, '');
      }),
    ).toEqual(['images/00000-0.png: exchanged', 'images/00001-0.png: not downloaded']);
  });

  test('with an image that its checksums list and its manifest does not name is not as it was', async () => {
    expect(
      await checked((at) => {
        writeFileSync(at('images/00002-0.png'), 'another');
        edit(at('SHA256SUMS'), '', `${sha256('another')}  images/00002-0.png\n`);
      }),
    ).toEqual(['images/00002-0.png: added']);
  });

  test.each([
    ['is cut off', MANIFEST.slice(0, -20)],
    ['has no cells', '{"audit":{}}'],
    ['has a cell that is none', '{"cells":[null]}'],
    ['says that it is that of a study, and is not', `{"study":{},"audits":[],"cells":[]}\n`],
    ['is the first half of that of a study', `{"study":{},"audits":[\n{}\n],"cells":[\n`],
  ])('whose manifest %s, with its right checksum, is not as it was', async (_what, manifest) => {
    expect(
      await checked((at) => {
        writeFileSync(at('manifest.json'), manifest);
        edit(at('SHA256SUMS'), sha256(MANIFEST), sha256(manifest));
      }),
    ).toEqual(['manifest.json: cannot be read as a manifest']);
  });

  test('is never read outside of itself, and a link in it is no file', async () => {
    const outside = path.join(root, 'outside');
    writeFileSync(outside, 'elsewhere');
    const line = `${sha256('elsewhere')}  ../outside`;
    expect(
      await checked((at) => {
        edit(at('SHA256SUMS'), '', `${line}\n`);
        rmSync(at('index.html'));
        symlinkSync(outside, at('index.html'));
      }),
    ).toEqual([
      `${line}: a line of SHA256SUMS that names no file`,
      'index.html: not a file but a link or a device',
    ]);
  });

  test('that the file manager of macOS or Windows has shown is as it was', async () => {
    expect(await checked((at) => writeFileSync(at('images/.DS_Store'), 'icons'))).toEqual([]);
  });

  test('is repaired by the next download, which keeps what is right', async () => {
    const copy = path.join(root, 'repaired');
    cpSync(intact, copy, { recursive: true });
    const at = (file: string) => path.join(copy, file);
    edit(at('thumbnails/00000-0.webp'), 'small', 'smell');
    edit(at('images/00000-0.png'), 'first', 'fjrst');
    edit(at('manifest.csv'), 'cat', 'dog');
    expect(await download(copy)).toMatchObject({ fetched: 1, kept: 1, withoutThumbnail: 0 });
    expect(await checkFolder(copy, silent)).toEqual(await checkFolder(intact, silent));
  });

  test('of a study is checked as one, with each audit in it', async () => {
    const study = path.join(root, 'study');
    const ids = [AUDIT, '7ychs9v1bzsamp1e0000000002'];
    const audits = ids.map((id) => ({ id, predictions: 2 }));
    await served(() =>
      downloadStudy(
        client,
        { id: 's', name: 'n', createdAt: '2026-01-01', createdBy: 'b', audits } as unknown as Study,
        study,
        options,
        silent,
      ),
    );
    const listed = ['index.html', 'manifest.json', 'manifest.csv', 'manifest.xlsx'];
    expect(await checkFolder(study, silent)).toMatchObject({ files: listed.length + 2 * 11, problems: [] });
    const at = (file: string) => path.join(study, ids[1]!, file);
    writeFileSync(at('images/00000-0.png'), 'exchanged');
    for (const sums of [at('SHA256SUMS'), path.join(study, 'SHA256SUMS')])
      edit(
        sums,
        `${sha256(BYTES[0]!)}  ${sums === at('SHA256SUMS') ? '' : `${ids[1]}/`}images/00000-0.png`,
        `${sha256('exchanged')}  ${sums === at('SHA256SUMS') ? '' : `${ids[1]}/`}images/00000-0.png`,
      );
    expect((await checkFolder(study, silent)).problems).toMatchObject([
      { file: `${ids[1]}/SHA256SUMS`, problem: expect.stringMatching(/^changed/) },
      { file: `${ids[1]}/images/00000-0.png`, problem: expect.stringMatching(/^exchanged/) },
    ]);
  });

  test('without checksums is refused, with the command that completes it', async () => {
    const copy = path.join(root, 'unfinished');
    cpSync(intact, copy, { recursive: true });
    rmSync(path.join(copy, 'SHA256SUMS'));
    await expect(checkFolder(copy, silent)).rejects.toMatchObject({
      ...{ status: 2, message: expect.stringMatching(/weaudit download <audit>/) },
    });
  });
});
