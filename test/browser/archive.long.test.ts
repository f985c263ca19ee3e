import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import type { Locator, Page, Route } from 'playwright-core';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, seriousProblems, withBrowser } from './support/browser.ts';
import { withPageCloud } from './support/page-cloud.ts';
import { picture, withPretence } from './support/pretend.ts';

/** As the bucket answers the page. */
const OPEN = { 'access-control-allow-origin': '*' };
const button = (page: Page) => page.getByRole('button', { name: /^Download/ });

/** A whole audit as one ZIP file, saved by the page. */
describeInBrowser('an audit that is saved from the page', (executable) => {
  const local = withPageCloud();
  const weaudit = commandLine(local);
  const open = withBrowser(executable);
  let audit: string;

  beforeAll(async () => {
    audit = await local.start({
      name: 'Nurses & <others>',
      prompts: ['a nurse', 'a weapon dealer', 'a “doctor”, <b>smiling</b>'],
      models: [
        'simulated/portrait',
        { model: 'simulated/unreliable', input: { outcome: 'black-image' } },
        { model: 'simulated/flash', input: { num_outputs: 2 } },
      ],
      samples: 2,
    });
    await local.whole(audit);
    await rate();
  });
  /** One rating of one picture, in a round that is closed. */
  async function rate(): Promise<void> {
    const answers = ['yes', 'no'].map((id) => ({ id, text: id, key: id[0] }));
    const codebook = {
      title: 'Persons',
      questions: [{ id: 'person', text: 'A person?', kind: 'one', answers }],
    };
    const request = { name: 'Persons', audits: [audit], codebook, ratings: 1, consent: 'Version 1' };
    const { body: round } = await local.api('POST', '/api/rounds', request, { 'idempotency-key': 'persons' });
    const { token } = (await local.api('POST', `/api/rounds/${round.id}/raters`, { slot: 1 })).body;
    const item = Object.values(await local.opaqueNames(round.id))[0];
    const id = '00000000-0000-4000-8000-000000000000';
    const answer = {
      id,
      item,
      question: 'person',
      answer: 'yes',
      showing: 1,
      at: '2026-01-01T00:00:00.000Z',
    };
    const authorization = `Bearer ${token}`;
    await local.api('PUT', '/api/rate/labels/00000', { answers: [answer] }, { authorization });
    await local.api('POST', `/api/rounds/${round.id}/close`);
  }

  /** What a browser does that writes to the disk; where the test's file is, no person has to choose. */
  const PICKER = `globalThis.showSaveFilePicker = async ({ suggestedName }) =>
    (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true })`;
  const NO_PICKER = 'delete globalThis.showSaveFilePicker';

  async function openDialog(
    picker: string,
    {
      width = 1280,
      expected = /never/,
      prepare,
    }: { width?: number; expected?: RegExp; prepare?: (page: Page) => Promise<unknown> } = {},
  ): Promise<{ page: Page; dialog: Locator }> {
    const { page } = await open(local.origin, { viewport: { width, height: 900 }, expected });
    await page.addInitScript(picker);
    await prepare?.(page);
    await page.goto(`/audit.html?id=${audit}`);
    await button(page).click();
    const dialog = page.getByRole('dialog', { name: 'Download the whole audit' });
    await dialog.getByText(/^One ZIP file with \d+ images/).waitFor();
    return { page, dialog };
  }

  /** Answers images in the bucket by cell and output, such as `2/0`. */
  const onImage = (page: Page, answer: (image: string, route: Route) => Promise<unknown>) =>
    page.route(
      ({ pathname, searchParams }) => searchParams.has('X-Amz-Signature') && pathname.includes('/images/'),
      (route) => {
        const [n, index] = new URL(route.request().url()).pathname.split('/').slice(-2);
        return answer(`${Number(n)}/${index}`, route);
      },
    );

  /** The page's first address of one image is one that the bucket refuses, as it refuses an expired one. */
  const expire = async (page: Page) => {
    let answers = 0;
    await page.route('**/predictions?**', async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      const [first] = json.predictions[0].images;
      if (answers++ === 0) first.url = first.url.replace(/Signature=..../, 'Signature=0000');
      await route.fulfill({ response, json });
    });
  };

  /** What the browser has written to its own disk. */
  async function written(page: Page, folder: string): Promise<string> {
    const base64 = await page.evaluate<string>(`(async () => {
      const root = await navigator.storage.getDirectory();
      const file = await (await root.getFileHandle('weaudit-${audit}.zip')).getFile();
      const url = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.readAsDataURL(file);
      });
      return url.slice(url.indexOf(',') + 1);
    })()`);
    const file = path.join(local.dataDir, `${folder}.zip`);
    writeFileSync(file, Buffer.from(base64, 'base64'));
    return file;
  }

  /** Unpacks with another library than the page packs with. @returns the one folder inside */
  function unpack(file: string, folder: string, id = audit): string {
    const target = path.join(local.dataDir, folder);
    for (const [name, bytes] of Object.entries(unzipSync(readFileSync(file)))) {
      const place = path.join(target, name);
      mkdirSync(path.dirname(place), { recursive: true });
      writeFileSync(place, bytes);
    }
    expect(readdirSync(target)).toEqual([`weaudit-${id}`]);
    return path.join(target, `weaudit-${id}`);
  }

  const filesIn = (folder: string) =>
    Object.fromEntries(
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name))
        .map((file) => [path.relative(folder, file), readFileSync(file).toString('base64')]),
    );

  test('is one file that unpacks to what the command downloads, byte for byte, and is verified without a connection', async () => {
    // The labels of a round can be read a minute after it was closed.
    const { page, dialog } = await openDialog(NO_PICKER, { expected: /409/ });
    await dialog.getByText('This browser keeps the file in memory').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', { name: 'Save ZIP' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(`weaudit-${audit}.zip`);
    await dialog.getByText('The SHA-256 of every image was checked.').waitFor();
    await dialog.getByText(`npx weaudit verify weaudit-${audit}`).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    const folder = unpack(await download.path(), 'in-memory');
    const clean = await weaudit.run(['verify', folder]);
    expect(clean.stdout).toMatch(/^All \d+ files in /);
    expect(clean.status).toBe(0);
    const other = path.join(local.dataDir, 'by-command');
    expect((await weaudit.run(['download', audit, other])).status).toBe(0);
    const { 'manifest.xlsx': _, SHA256SUMS: byCommand, ...files } = filesIn(other);
    const { SHA256SUMS: byPage, ...saved } = filesIn(folder);
    expect(Object.keys(saved).filter((file) => file.startsWith('images/')).length).toBeGreaterThan(12);
    const labels = Object.keys(saved).find((file) => file.endsWith('/labels.csv'))!;
    expect(Buffer.from(saved[labels]!, 'base64').toString().trim().split('\n')).toHaveLength(2);
    expect(saved).toEqual(files);
    const lines = (base64?: string) => Buffer.from(base64 ?? '', 'base64').toString();
    expect(lines(byPage)).toBe(lines(byCommand).replace(/.*manifest\.xlsx\n/, ''));
  });

  test('a study is one file, too: what the command downloads, with one manifest of all', async () => {
    const other = await local.start({
      ...{ name: 'More', template: 'a {job}', factors: { job: ['baker', 'smith'] } },
      ...{ models: ['simulated/flash'], samples: 1 },
    });
    await local.whole(other);
    const { body: study } = await local.api('POST', '/api/studies', { name: 'Both', audits: [audit, other] });
    const { page } = await open(local.origin, { expected: /409/ });
    await page.addInitScript(NO_PICKER);
    await page.goto(`/study.html?id=${study.id}`);
    await button(page).click();
    const dialog = page.getByRole('dialog', { name: 'Download the whole study' });
    await dialog.getByText('Each of 2 audits has a folder of its own').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', { name: 'Save ZIP' }).click(),
    ]);
    await dialog.getByText(`npx weaudit verify weaudit-${study.id}`).waitFor();
    const folder = unpack(await download.path(), 'study', study.id);
    expect((await weaudit.run(['verify', folder])).stdout).toMatch(/^All \d+ files in /);
    const byCommand = path.join(local.dataDir, 'study-by-command');
    expect((await weaudit.run(['download', study.id, byCommand])).status).toBe(0);
    // The command makes a workbook, too, which the lists name.
    const withoutLists = (files: Record<string, string>) =>
      Object.fromEntries(Object.entries(files).filter(([name]) => !/SHA256SUMS$|manifest\.xlsx$/.test(name)));
    expect(withoutLists(filesIn(folder))).toEqual(withoutLists(filesIn(byCommand)));
    const lines = (files: Record<string, string>) =>
      Buffer.from(files.SHA256SUMS!, 'base64').toString().split('\n');
    expect(lines(filesIn(folder)).filter((line) => !line.endsWith('SHA256SUMS'))).toEqual(
      lines(filesIn(byCommand)).filter((line) => !/SHA256SUMS$|manifest\.xlsx$/.test(line)),
    );
  });

  test.each([1280, 390])(
    'is written to the disk where the browser can, with expired addresses renewed and damaged images fetched again, at %i pixels',
    async (width) => {
      const { page, dialog } = await openDialog(PICKER, { width, expected: /403/, prepare: expire });
      await dialog.getByText('It is written to the disk while it downloads.').waitFor();
      const seen = new Map<string, number>();
      await onImage(page, async (image, route) => {
        const times = (seen.get(image) ?? 0) + 1;
        seen.set(image, times);
        if (image === '1/0' && times === 1) return route.fulfill({ body: 'not these bytes', headers: OPEN });
        return route.continue();
      });
      await dialog.getByRole('button', { name: 'Save ZIP' }).click();
      await dialog.getByText('The SHA-256 of every image was checked.').waitFor();
      expect(await seriousProblems(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect([seen.get('0/0'), seen.get('1/0')]).toEqual([2, 2]);
      const folder = unpack(await written(page, `disk-${width}`), `disk-${width}`);
      expect((await weaudit.run(['verify', folder])).stdout).toMatch(/^All \d+ files in /);
    },
  );

  test('without an image that cannot be fetched, names it, and the command completes the folder', async () => {
    const { page, dialog } = await openDialog(PICKER);
    await onImage(page, (image, route) =>
      image === '1/0' ? route.fulfill({ body: 'never these bytes', headers: OPEN }) : route.continue(),
    );
    await dialog.getByRole('button', { name: 'Save ZIP' }).click();
    await dialog.getByText(/^1 image could not be fetched and is missing in the file: 00001-0\./).waitFor();
    await dialog.getByText(`npx weaudit download ${audit} weaudit-${audit}`).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    const folder = unpack(await written(page, 'missing'), 'missing');
    const before = await weaudit.run(['verify', folder]);
    expect(before.status).toBe(5);
    expect(before.stdout).toMatch(/^images\/00001-0\.\w+: missing\n1 problem in /);
    expect((await weaudit.run(['download', audit, folder])).stdout).toMatch(/^\d+ images/);
    expect((await weaudit.run(['verify', folder])).status).toBe(0);
  });

  test('continues while its window is closed, and leaves nothing if it is canceled', async () => {
    const { page, dialog } = await openDialog(PICKER);
    const held: Route[] = [];
    await onImage(page, async (image, route) => {
      if (image === '0/0') return route.continue();
      held.push(route);
    });
    await dialog.getByRole('button', { name: 'Save ZIP' }).click();
    await dialog.getByText(/^1 of \d+ images, /).waitFor();
    // A few images at a time, however many there are.
    await waitFor('the images ahead', async () => held.length >= 3);
    expect(held.length).toBeLessThanOrEqual(4);
    expect(await seriousProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.getByRole('button', { name: /^Downloading 1 of \d+$/ }).click();
    await dialog.getByRole('button', { name: 'Cancel download' }).click();
    await dialog.getByText('The download was canceled. Nothing was saved.').waitFor();
    expect(held.length).toBeLessThanOrEqual(4);
    const names = () =>
      page.evaluate<string[]>(
        `(async () => Array.fromAsync((await navigator.storage.getDirectory()).keys()))()`,
      );
    await waitFor('nothing on the disk', async () => (await names()).length === 0);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await dialog.getByRole('button', { name: 'Save ZIP' }).click();
    await dialog.getByText('The SHA-256 of every image was checked.').waitFor();
  });

  test('a picture in the large view is compared with its record: unchanged, or other bytes than were stored', async () => {
    const { page } = await open(local.origin);
    await page.goto(`/audit.html?id=${audit}&image=0.0`);
    const ask = page.getByRole('button', { name: 'Is it unchanged?' });
    await ask.click();
    await page
      .getByText('Yes: the bytes that this browser shows have the SHA-256 that was recorded')
      .waitFor();
    await page.route(/\/images\//, (route: Route) =>
      route.fulfill({ headers: OPEN, contentType: 'image/png', body: 'other bytes' }),
    );
    await page.reload();
    await ask.click();
    await page.getByRole('alert').getByText('No: the bytes that this browser shows are not').waitFor();
  });
});

describeInBrowser('what the page says before it saves an audit', (executable) => {
  const open = withPretence(executable);

  test('an audit of more than a browser holds in memory gets the command instead', async () => {
    // 600 MB, and the test's address is none that browsers let write to the disk.
    const { page } = await open({ samples: 150 });
    await button(page).click();
    await page.getByText('This is too large for this browser: the images have 600 MB').waitFor();
    await page.getByText('npx weaudit download 7ychs9v1bzsamp1e0000000001', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Save ZIP' }).count()).toBe(0);
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('outputs without bytes are counted by their reason', async () => {
    const none = (n: number, over: object) => {
      const { url: _, rendition: __, ...image } = picture(n, 0, over);
      return { images: [image] };
    };
    const { page } = await open({
      cell: (n) =>
        n === 0
          ? none(0, { status: 'quarantined', reason: 'truncated' })
          : n === 1
            ? none(1, { status: 'lost', error: 'expired' })
            : {},
    });
    await button(page).click();
    await page.getByText('One ZIP file with 18 images (36 MB)').waitFor();
    await page.getByText('2 outputs are not in it (1 unusable, 1 lost).').waitFor();
  });

  test('a running audit cannot be saved, and the button says why', async () => {
    const { page } = await open({ status: { manifest: false } });
    await button(page).waitFor();
    expect(await button(page).isDisabled()).toBe(true);
    expect(await button(page).getAttribute('title')).toContain('Available a few minutes after');
  });
});
