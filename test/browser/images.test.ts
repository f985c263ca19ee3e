import { expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Prediction } from '../../lib/contract/answers.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, seriousProblems, settled } from './support/browser.ts';
import { type Pretence, picture, withPretence } from './support/pretend.ts';

/** How the page shows images, with answers and images that are made here. */
describeInBrowser('images on the page', (executable) => {
  const open = withPretence(executable);
  const isSettled = (page: Page) => waitFor('all images in sight', () => settled(page));
  const originals = ({ fetched }: Pretence) => fetched.filter((file) => file.startsWith('/original/'));

  test('grid, wall and comparison show renditions, and an original is fetched when a person opens it', async () => {
    const pretence = await open({});
    const { page, fetched, address } = pretence;
    await isSettled(page);
    await page.goto(address('&wall=1.0'));
    await waitFor('the wall', async () => (await page.locator('.wall .tile img').count()) === 10);
    await page.goto(address().replace(/audit.html\?id=(.*)/, 'compare.html?a=$1&b=$1'));
    await page.locator('.aligned .tile img').first().waitFor();
    await isSettled(page);
    expect(fetched.length).toBeGreaterThan(0);
    expect(originals(pretence)).toEqual([]);
    await page.goto(address('&image=3.0'));
    await page.getByRole('dialog').locator('img[src*="/original/3/0"]').waitFor();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('dialog').locator('img[src*="/original/4/0"]').waitFor();
    expect(originals(pretence)).toEqual(['/original/3/0', '/original/4/0']);
  });

  test('the rendition is in the large view until the original has come', async () => {
    const { page } = await open(
      { image: (file) => (file.startsWith('/original/') ? 'never' : undefined) },
      '&image=3.0',
    );
    await page.getByRole('dialog').locator('img[src*="/rendition/3/0"]').waitFor();
  });

  test('images that were judged before there were renditions are shown by their originals', async () => {
    const older = (n: number) => {
      const { rendition: _, ...image } = picture(n);
      return image;
    };
    const pretence = await open({ cell: (n) => (n < 10 ? { images: [older(n)] } : {}) }, '&wall=0.0');
    await waitFor('the wall', async () => (await pretence.page.locator('.wall .tile img').count()) === 10);
    expect(originals(pretence).toSorted()).toEqual(
      Array.from({ length: 10 }, (_, n) => `/original/${n}/0`).toSorted(),
    );
  });

  test('on a phone only images in sight are fetched, and more when a person scrolls to them', async () => {
    const { page, fetched } = await open(
      { prompts: Array.from({ length: 25 }, (_, i) => ({ text: `worker ${i}` })), samples: 16 },
      '&rows=prompt&columns=model',
      { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
    );
    await page.locator('.tile img').first().waitFor();
    await isSettled(page);
    expect(fetched.length).toBeLessThan(60);
    expect(fetched).not.toContain('/rendition/399/0');
    await page.evaluate(`document.querySelector('.grid').scrollIntoView();
      document.querySelector('.grid').scrollTop = 1e6`);
    await waitFor('the last image', async () => fetched.includes('/rendition/399/0'));
  });

  test('an image that leaves the page before it has come is not fetched to its end', async () => {
    const { page } = await open({ image: (file) => (file.startsWith('/rendition/1') ? undefined : 'never') });
    const ended: string[] = [];
    page.on('requestfailed', (request) => ended.push(new URL(request.url()).pathname));
    await page.locator('.tile[data-tile="10.0"] img').waitFor();
    await page.getByRole('combobox', { name: 'In a cell' }).selectOption('one');
    await waitFor('an end', async () => ended.includes('/rendition/5/0'));
  });

  test('what a browser cannot show has no picture and says why', async () => {
    const { page } = await open(
      { image: (file) => (file.endsWith('/0/0') ? { status: 200 } : undefined) },
      '&wall=0.0',
    );
    const tile = page.locator('.tile[data-tile="0.0"]');
    await tile.getByText('not loaded').waitFor();
    expect(await tile.getAttribute('title')).toContain('This browser cannot display the image.');
    expect(await tile.locator('img').count()).toBe(0);
  });

  /** Ten doctors, most without a picture, and ten nurses, seven in one file. */
  const mixed = (n: number): Partial<Prediction> => {
    const { url: _, rendition: __, ...unseen } = picture(n);
    const blank = picture(n, 0, { blank: true, animated: false, alpha: false, c2pa: false });
    if (n === 0) return { images: [blank], filtered: 1 };
    if (n === 1) return { images: [blank] };
    if (n === 2) return { images: [{ ...unseen, status: 'quarantined', reason: 'truncated' }] };
    if (n === 3) return { images: [{ ...unseen, status: 'quarantined', reason: 'not an image: HTML' }] };
    if (n === 4) return { images: [{ index: 0, status: 'lost', error: 'expired' }] };
    if (n === 5) return { status: 'refused', error: 'sensitive', images: [], returned: 0 };
    if (n >= 10 && n < 17) return { images: [picture(n, 0, { sha256: 'f'.repeat(64) })] };
    return {};
  };

  test('a blank picture is a tile of its own, never a picture, and a quarantined one says its reason', async () => {
    const { page, fetched } = await open({ cell: mixed }, '&wall=0.0');
    await isSettled(page);
    const kinds = await page
      .locator('.wall .tile')
      .evaluateAll((tiles) =>
        tiles.map((tile) => `${tile.className.split(' ')[1]}: ${tile.textContent?.trim()}`),
      );
    expect(kinds).toEqual([
      ...['blank: blank', 'blank: blank', 'quarantined: truncated', 'quarantined: not an image: HTML'],
      ...['lost: lost', 'refused: refused', 'image: ', 'image: ', 'image: ', 'image: '],
    ]);
    expect(fetched.filter((file) => /\/[01]\/0$/.test(file))).toEqual([]);
    expect(await page.locator('.tile[data-tile="2.0"]').getAttribute('aria-label')).toMatch(/: truncated$/);
    await page.locator('.tile[data-tile="0.0"]').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('one even area instead of a picture').waitFor();
    // A person who doubts it can look.
    await dialog.locator('img[src*="/original/0/0"]').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('one line says what became of a group, the same below a cell, in the table, on its wall and in a comparison', async () => {
    const { page, address } = await open({ cell: mixed }, '&rows=prompt&columns=model');
    const cell = page.getByRole('gridcell', { name: 'a doctor, a/one' });
    const line = '4 shown · 1/10 refused 10 % (1.8–40) · 1 filtered · 2 blank · 2 unusable · 1 lost';
    await cell.getByText(line).waitFor();
    expect(await page.locator('.counts').innerText()).toMatch(
      /1\/20 refused .* images: 1 filtered \(those of refusals included\), 2 blank, 2 unusable, 1 lost/,
    );
    await page.getByText('Refusals and other outcomes').click();
    await page.getByLabel('Group by').selectOption('prompt');
    await page.locator('.outcomes').getByRole('row', { name: 'a doctor' }).getByText(line).waitFor();
    await page
      .locator('.outcomes')
      .getByRole('row', { name: 'a nurse' })
      .getByText('10 shown · 0/10 refused 0 % (0–28)')
      .waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await page.goto(address('&rows=prompt&columns=model&wall=0.0'));
    await page.locator('.wallhead').getByText(line).waitFor();
    await page
      .locator('.wallhead')
      .getByTitle('2 of 9 images blank, 22 %, 95 % interval 6.3 to 55 %')
      .waitFor();
    await page.goto(address().replace(/audit.html\?id=(.*)/, 'compare.html?a=$1&b=$1'));
    await page.locator('.half').first().getByText(line).waitFor();
  });

  test('equal files are said where a person looks: cell, wall, and the heading of a row or column of samples', async () => {
    const { page, address } = await open({ cell: mixed }, '&rows=prompt&columns=model');
    await page.getByRole('gridcell', { name: 'a nurse, a/one' }).getByText('7/10 same file').waitFor();
    expect(await page.getByRole('gridcell', { name: 'a doctor, a/one' }).getByText('same file').count()).toBe(
      0,
    );
    await page.goto(address('&rows=prompt&columns=model&wall=1.0'));
    await page.getByText('7 of 10 are the same file: the seed made no difference between them').waitFor();
    for (const [crossed, role] of [
      ['&rows=prompt&columns=sample', 'rowheader'],
      ['&rows=sample&columns=prompt', 'columnheader'],
    ] as const) {
      await page.goto(address(crossed));
      await page.getByRole(role, { name: 'a nurse' }).getByText('7 of 10 are the same file').waitFor();
      expect(await page.getByText('are the same file').count()).toBe(1);
    }
    expect(await seriousProblems(page)).toEqual([]);
  });
});
