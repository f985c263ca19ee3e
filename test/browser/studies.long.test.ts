import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Study } from '../../lib/contract/answers.ts';
import { describeInBrowser, seriousProblems, withBrowser } from './support/browser.ts';
import { withPageCloud } from './support/page-cloud.ts';

/** Studies on the page, in a real browser on the whole pipeline on one machine. */
describeInBrowser('a study on the page', (executable) => {
  const local = withPageCloud();
  const openIn = withBrowser(executable);
  const NAME = 'Nurses & doctors 2026';
  /** Audits of the study: the second has the same prompts as the first, the third one of its own beside them. */
  let ids: string[];
  let alone: string;
  let study: string;

  beforeAll(async () => {
    const design = { prompts: ['a nurse', 'a doctor'], models: ['simulated/portrait'], samples: 2 };
    ids = [];
    for (const [place, more] of [{}, {}, { prompts: ['a nurse', 'a judge'] }].entries())
      ids.push(await local.start({ ...design, ...more, name: `Part ${place + 1}` }));
    alone = await local.start({ ...design, name: 'Alone' });
    study = (await local.api('POST', '/api/studies', { name: NAME, audits: ids })).body.id;
    for (const id of [...ids, alone]) await local.finished(id);
  });

  async function open(address: string, width = 1280): Promise<Page> {
    const { page } = await openIn(local.origin, { viewport: { width, height: 900 } });
    await page.goto(address);
    return page;
  }
  const members = async (): Promise<string[]> =>
    ((await local.api('GET', `/api/studies/${study}`)).body as Study).audits.map(({ id }) => id);

  test('is one line of the list, with all of its predictions, and its audits are none', async () => {
    const page = await open('/audits.html');
    const line = page.getByRole('listitem').filter({ hasText: NAME });
    await line.getByText('12 predictions').waitFor();
    expect(await page.getByRole('listitem').count()).toBe(2);
    await page.getByRole('link', { name: 'Alone' }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByLabel('List the audits of studies one by one').check();
    for (const name of ['Part 1', 'Part 3']) await page.getByLabel(`Select ${name} for comparison`).check();
    await page.getByRole('link', { name: 'Compare these two' }).waitFor();
    await page.reload();
    await page.getByLabel('Select Part 3 for comparison').waitFor();
    await page.getByLabel('List the audits of studies one by one').uncheck();
    await line.getByRole('link').click();
    await page.waitForURL(`**/study.html?id=${study}`);
  });

  test.each([1280, 390])(
    'shows the counts of all audits, and of each its prompts and those that others have, at %i pixels',
    async (width) => {
      const page = await open(`/study.html?id=${study}`, width);
      await page.getByText('12 of 12').waitFor();
      await page.getByText('3 of 3 audits finished').waitFor();
      const part = (name: string) => page.getByRole('region', { name });
      await part('Part 1').getByText('2 of 2 prompts are also in other audits of this study.').waitFor();
      await part('Part 3').getByText('1 of 2 prompts is also in other audits of this study.').waitFor();
      expect(await part('Part 3').getByRole('listitem').allInnerTexts()).toEqual(['a nurse', 'a judge']);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await seriousProblems(page)).toEqual([]);
      await part('Part 3').getByRole('link', { name: 'Open the pictures' }).click();
      await page.waitForURL(`**/audit.html?id=${ids[2]}`);
    },
  );

  test('loses an audit that is taken out, gets it back on the audit’s own page, and can be deleted', async () => {
    const page = await open(`/study.html?id=${study}`);
    await page.getByRole('button', { name: /Take out: .*Part 2/ }).click();
    await page.getByText('8 of 8').waitFor();
    expect(await members()).toEqual([ids[0], ids[2]]);

    await page.goto(`/audit.html?id=${ids[1]}`);
    await page.getByRole('button', { name: 'Studies' }).click();
    await page.getByText('This audit is in no study.').waitFor();
    await page.getByLabel('Study', { exact: true }).fill(NAME);
    await page.getByRole('button', { name: 'Add to study' }).click();
    await page.getByRole('dialog').getByRole('link', { name: NAME }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    expect(await members()).toEqual([ids[0], ids[2], ids[1]]);

    await page.goto(`/study.html?id=${study}`);
    await page.getByRole('button', { name: 'Delete study' }).click();
    await page.getByText('Its audits and their images are kept.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete study' }).click();
    await page.waitForURL('**/audits.html');
    await page.getByRole('link', { name: 'Part 2' }).waitFor();
    expect(await page.getByRole('listitem').count()).toBe(4);
  });

  test('is chosen in the form of a new audit, by the name of an existing one or a new one', async () => {
    const page = await open('/');
    await page.getByLabel('Prompts, one per line').fill('a baker');
    await page.getByText('Name, seed, inputs and cost').click();
    await page.getByLabel('Study', { exact: true }).fill('Bakers');
    await page.reload();
    expect(await page.getByLabel('Study', { exact: true }).inputValue()).toBe('Bakers');
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.waitForURL(/audit\.html\?id=/);
    const started = new URL(page.url()).searchParams.get('id');
    const { studies } = (await local.api('GET', '/api/studies')).body;
    expect(studies).toContainEqual(expect.objectContaining({ name: 'Bakers', audits: [started] }));
    await page.goto('/');
    expect(await page.locator('#study').inputValue()).toBe('');
    await page.locator('#studies option[value="Bakers"]').waitFor({ state: 'attached' });
  });

  test('that is running is polled until the last of its audits is finished, and says which of them repeat samples', async () => {
    const slow = { prompts: ['a baker'], models: ['simulated/slow'], samples: 2, seed: 5 };
    const running = [await local.start({ ...slow, name: 'First' }), await local.start(slow)];
    await local.api('POST', '/api/studies', { name: 'Running', audits: [...running, alone] });
    const { body } = await local.api('GET', '/api/studies');
    const { id } = body.studies.find(({ name }: Study) => name === 'Running');
    const page = await open(`/study.html?id=${id}`);
    await page.getByText('8 of 8').waitFor();
    await page.getByText('3 of 3 audits finished').waitFor();
    await page.getByText(/The same samples were requested in .*First/).waitFor();
    expect(await page.getByText('The same samples were requested in').count()).toBe(2);
  });
});
