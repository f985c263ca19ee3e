import { expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, seriousProblems, withBrowser } from './support/browser.ts';
import { withPageCloud } from './support/page-cloud.ts';

/** Designs from files in the form for a new audit, up to what the API keeps of them. */
describeInBrowser('a file in the form', (executable) => {
  const local = withPageCloud();
  const openIn = withBrowser(executable);

  async function open(width = 1280, expected = /^$/) {
    const { page } = await openIn(local.origin, { viewport: { width, height: 900 }, expected });
    await page.goto('/');
    await page.getByRole('checkbox', { name: 'simulated/portrait' }).waitFor();
    return page;
  }
  const choose = (page: Page, name: string, content: string | Buffer) =>
    page
      .locator('input[type=file]')
      .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
  const paste = (page: Page, text: string) =>
    page.getByLabel('Prompts, one per line').evaluate((box, pasted) => {
      const { DataTransfer, ClipboardEvent } = globalThis as unknown as Record<
        string,
        new (
          ...args: unknown[]
        ) => never
      >;
      const clipboardData = new DataTransfer!() as { setData(type: string, text: string): void };
      clipboardData.setData('text/plain', pasted);
      box.dispatchEvent(new ClipboardEvent!('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, text);
  const rows = (page: Page) => page.locator('.sheet tbody tr').allInnerTexts();
  const predictions = (page: Page) => page.locator('[data-test=predictions]').innerText();
  /** Whether something is wider than the screen. */
  const isTooWide = (page: Page) =>
    page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth');
  const started = async (page: Page) => {
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.waitForURL(/audit\.html/);
    const id = new URL(page.url()).searchParams.get('id');
    return (await local.api('GET', `/api/audits/${id}/plan`)).body;
  };

  test('a table in Windows-1252 is read when its encoding is confirmed, and starts with its rows, comparison and reference', async () => {
    const page = await open();
    const scripts: string[] = [];
    page.on('request', (request) => scripts.push(new URL(request.url()).pathname));
    const table =
      'Prompt;gender;share;model\r\neine Ärztin ;f;0.87;\r\nein Arzt;m;0.38;\r\nein Arzt;m;0.38;\r\neine Pflegerin;f;0.9;simulated/flash\r\n';
    await choose(page, 'Berufe.csv', Buffer.from(table, 'latin1'));
    await page.getByRole('alert').getByText('line 2, column 6').waitFor();
    expect(scripts.filter((path) => path.includes('read-file'))).toHaveLength(1);
    await page.getByRole('button', { name: 'Read it as Windows-1252' }).click();
    await page.getByText('merged (row 4 is row 3)').waitFor();
    expect(await rows(page)).toEqual([
      'eine Ärztin\tf\t0.87\t',
      'ein Arzt\tm\t0.38\t',
      'eine Pflegerin\tf\t0.9\tsimulated/flash',
    ]);
    await page.getByRole('checkbox', { name: 'gender' }).check();
    await page.getByLabel('Column with a published number').selectOption('share');
    await page.getByLabel('Samples per prompt and model').fill('2');
    await page.getByText('pairs of prompt and model × 2 samples').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    const plan = await started(page);
    expect(plan).toMatchObject({
      prompts: [
        { text: 'eine Ärztin', factors: { gender: 'f', share: '0.87' } },
        { text: 'ein Arzt', factors: { gender: 'm', share: '0.38' } },
        { text: 'eine Pflegerin', factors: { gender: 'f', share: '0.9' } },
      ],
      ...{ compare: ['gender'], reference: 'share', samples: 2 },
    });
    expect(plan.pairs).toHaveLength(3);
  });

  test('cells that are copied from a spreadsheet become a table; lines that repeat one are requested once', async () => {
    const page = await open(390);
    await page.getByLabel('Prompts, one per line').fill('a cat\na dog\na cat');
    await page.getByText('1 prompt occurs more than once. Each is requested once.').waitFor();
    expect(await predictions(page)).toBe('20');
    await paste(page, 'Group\tPrompt\nf\ta 5" doll\nm\t"a doctor,\nsitting"\n');
    await waitFor('the table', async () => (await rows(page)).length === 2);
    expect(await rows(page)).toEqual(['a 5" doll\tf', 'a doctor,\nsitting\tm']);
    expect(await isTooWide(page)).toBe(false);
    expect(await seriousProblems(page)).toEqual([]);
    expect((await started(page)).prompts).toEqual([
      { text: 'a 5" doll', factors: { Group: 'f' } },
      { text: 'a doctor,\nsitting', factors: { Group: 'm' } },
    ]);
  });

  test('the text of a CSV that is pasted is a table', async () => {
    const page = await open();
    await paste(page, 'prompt;"group"\na doctor, smiling;f\n');
    await waitFor('the table', async () => (await rows(page)).length === 1);
    expect(await rows(page)).toEqual(['a doctor, smiling\tf']);
  });

  test('a file that is dropped on the form is opened, and one that cannot be read says the row and what to write', async () => {
    const page = await open(390);
    await page.locator('form').evaluate((form) => {
      const { DataTransfer, DragEvent, File } = globalThis as unknown as Record<
        string,
        new (
          ...args: unknown[]
        ) => never
      >;
      const dataTransfer = new DataTransfer!() as { items: { add(file: unknown): void } };
      dataTransfer.items.add(new File!(['prompt,group\na doctor, smiling,f\n'], 'jobs.csv'));
      form.dispatchEvent(new DragEvent!('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await page
      .getByRole('alert')
      .getByText('jobs.csv, row 2 has 3 cells, but row 1 names 2 columns')
      .waitFor();
    await choose(page, 'jobs.txt', 'a doctor, smiling\n\na nurse\n');
    await page.getByText('1 line without text was left out (line 2).').waitFor();
    expect(await page.getByLabel('Prompts, one per line').inputValue()).toBe('a doctor, smiling\na nurse');
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('if the script that reads files cannot be loaded, the form says so and keeps what it has', async () => {
    const page = await open(1280, /404/);
    await page.getByLabel('Prompts, one per line').fill('a cat');
    await page.route('**/read-file-*.js', (route) => route.fulfill({ status: 404 }));
    await choose(page, 'jobs.txt', 'a doctor\n');
    await page.getByRole('alert').getByText('Reload the page').waitFor();
    expect(await page.getByLabel('Prompts, one per line').inputValue()).toBe('a cat');
  });

  test('a published design fills the form with its prompts, its comparison and what differs from its source', async () => {
    const page = await open(390);
    await page.getByRole('button', { name: 'Published designs' }).click();
    const entry = page.getByRole('listitem').filter({ hasText: 'Prompting' });
    await entry.getByRole('link').waitFor();
    expect(await isTooWide(page)).toBe(false);
    expect(await seriousProblems(page)).toEqual([]);
    await entry.getByRole('button', { name: 'Use it' }).click();
    await page.getByRole('checkbox', { name: 'setting', checked: true }).waitFor();
    expect(await page.getByLabel('Column with a published number').inputValue()).toBe(
      'published_share_women',
    );
    await page.locator('.opened li').first().waitFor();
    expect(await predictions(page)).toBe('100');
  });
});
