import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildSite } from '../../build/web.ts';
import type { PublishedEntry } from '../../lib/contract/published.ts';

describe('the built site', () => {
  test('is under 60 kB of compressed script, without inline scripts or styles, and /compare is a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weaudit-site-'));
    try {
      const { compressedScript } = await buildSite(folder);
      expect(compressedScript).toBeLessThan(60_000);
      for (const page of [
        'index.html',
        'audit.html',
        'audits.html',
        'compare.html',
        'compare',
        'rate.html',
        'round.html',
      ]) {
        const html = readFileSync(join(folder, page), 'utf8');
        expect(html).not.toMatch(/<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)/);
        for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
          expect(address).toMatch(/^\//);
          expect(existsSync(join(folder, address!))).toBe(true);
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('gives raters a script of their own, which knows nothing of audits', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weaudit-site-'));
    try {
      await buildSite(folder);
      const html = readFileSync(join(folder, 'rate.html'), 'utf8');
      const scripts = [...html.matchAll(/"(\/assets\/[^"]+\.js)"/g)].map(([, address]) =>
        readFileSync(join(folder, address!), 'utf8'),
      );
      expect(scripts.length).toBeGreaterThan(0);
      expect(scripts.join('\n')).toContain('/api/rate');
      expect(scripts.join('\n')).not.toMatch(/\/api\/(audits|rounds|studies)|weaudit-token/);
      expect(gzipSync(scripts.join('\n')).length).toBeLessThan(20_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('offers every published design: an index with source and license, and a file for each', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weaudit-site-'));
    try {
      await buildSite(folder);
      const read = (file: string) => JSON.parse(readFileSync(join(folder, 'designs', file), 'utf8'));
      const index: PublishedEntry[] = read('index.json');
      expect(index.map(({ file }) => file)).toEqual(readdirSync('designs'));
      for (const { file, name, prompts, url, license } of index) {
        expect(read(file)).toMatchObject({ name, prompts: { length: prompts } });
        expect([url, license]).toEqual([expect.stringMatching(/^https:/), expect.stringMatching(/./)]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
