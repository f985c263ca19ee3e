import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { planUpload, readSite } from '../../build/site.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'site-'));
  await mkdir(path.join(folder, 'assets'));
  const files = {
    'index.html': '<!doctype html>',
    compare: '<!doctype html>',
    'about.json': '{}',
    'icon.svg': '<svg/>',
    '.DS_Store': 'of no use',
    'assets/main-6NKVHGJ5.js': 'main()',
    'assets/main-6NKVHGJ5.js.map': '{}',
    'assets/main-LYDE4NDJ.css': 'body{}',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a bucket lists after an upload. */
const uploaded = async () => new Map((await readSite(folder)).map(({ key, md5 }) => [key, `"${md5}"`]));

describe('upload of the site', () => {
  test('each file has its type, pages without an extension too', async () => {
    const types = Object.fromEntries(
      (await readSite(folder)).map(({ key, contentType }) => [key, contentType]),
    );
    expect(types).toEqual({
      'index.html': 'text/html; charset=utf-8',
      compare: 'text/html; charset=utf-8',
      'about.json': 'application/json; charset=utf-8',
      'icon.svg': 'image/svg+xml',
      'assets/main-6NKVHGJ5.js': expect.stringMatching(/^(text|application)\/javascript; charset=utf-8$/),
      'assets/main-6NKVHGJ5.js.map': 'application/json; charset=utf-8',
      'assets/main-LYDE4NDJ.css': 'text/css; charset=utf-8',
    });
  });

  test('a file with its hash in its name is cached forever; every other file is validated before each use', async () => {
    const files = await readSite(folder);
    const forEver = files
      .filter(({ cacheControl }) => cacheControl.includes('immutable'))
      .map(({ key }) => key);
    expect(forEver).toEqual([
      'assets/main-6NKVHGJ5.js',
      'assets/main-6NKVHGJ5.js.map',
      'assets/main-LYDE4NDJ.css',
    ]);
    expect(new Set(files.map(({ cacheControl }) => cacheControl)).size).toBe(2);
    expect(files.find(({ key }) => key === 'index.html')?.cacheControl).toBe('public, no-cache');
  });

  test('into an empty bucket everything goes, pages last, and nothing has to be forgotten', async () => {
    const { put, delete: removed, invalidate } = planUpload(await readSite(folder), new Map());
    expect(put).toHaveLength(7);
    expect(
      put
        .slice(-2)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['compare', 'index.html']);
    expect({ removed, invalidate }).toEqual({ removed: [], invalidate: [] });
  });

  test('a second time nothing happens', async () => {
    expect(planUpload(await readSite(folder), await uploaded())).toEqual({
      put: [],
      delete: [],
      invalidate: [],
    });
  });

  test('only what changed goes, and only that and what went away is forgotten', async () => {
    const existing = new Map([
      ...(await uploaded()),
      ['index.html', '"other"'],
      ['assets/main-OLDOLD01.js', '"old"'],
    ]);
    const { put, delete: removed, invalidate } = planUpload(await readSite(folder), existing);
    expect(put.map(({ key }) => key)).toEqual(['index.html']);
    expect(removed).toEqual(['assets/main-OLDOLD01.js']);
    expect(invalidate).toEqual(['/', '/index.html', '/assets/main-OLDOLD01.js']);
  });

  test('when more than twenty addresses changed, one invalidation means all', async () => {
    const old = Array.from({ length: 30 }, (_, i): [string, string] => [`assets/old-${i}.js`, '"x"']);
    expect(planUpload(await readSite(folder), new Map(old)).invalidate).toEqual(['/*']);
  });
});
