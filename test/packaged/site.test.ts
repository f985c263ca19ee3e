import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSite } from '../../build/web.ts';

describe('the built site', () => {
  test('is under 60 kB of compressed script, without inline scripts or styles, and /compare is a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weaudit-site-'));
    try {
      const { compressedScript } = await buildSite(folder);
      expect(compressedScript).toBeLessThan(60_000);
      for (const page of ['index.html', 'audit.html', 'audits.html', 'compare.html', 'compare']) {
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
});
