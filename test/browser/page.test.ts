import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { shaded } from '../support/images.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, type Open, seriousProblems, withBrowser } from './support/browser.ts';
import { pretendHugeAudit } from './support/huge-audit.ts';
import { CROSSED, withPageCloud } from './support/page-cloud.ts';

/** The auditors' page in a real browser, on the whole pipeline on one machine. Each test opens pages of its own. */
describeInBrowser('the page', (executable) => {
  const local = withPageCloud();
  const openIn = withBrowser(executable);
  /** Finished: two genders × two jobs × two models × three samples, one of them with refusals. */
  let audit: string;
  /** Finished: a part of the same prompts with another seed. */
  let again: string;

  beforeAll(async () => {
    const [first, second] = await Promise.all([
      local.start({ ...CROSSED, models: ['simulated/portrait', 'simulated/studio'], samples: 3 }),
      local.start({
        name: 'Again',
        template: CROSSED.template,
        factors: { gender: ['female', 'male'], job: ['doctor', 'teacher'] },
        models: ['simulated/portrait'],
        samples: 1,
        seed: 7,
      }),
    ]);
    await Promise.all([local.finished(first), local.finished(second)]);
    audit = first;
    again = second;
  });

  const open = async (options?: Parameters<Open>[1]) => (await openIn(local.origin, options)).page;
  const images = (page: Page) => page.locator('.tile img');
  const imagesAre = (page: Page, count: number) =>
    waitFor(`${count} images`, async () => (await images(page).count()) === count);
  /** Addresses hold the view. */
  const query = (page: Page) => new URL(page.url()).searchParams;
  const focused = (page: Page, attribute: string) =>
    page.evaluate<string>(`document.activeElement.getAttribute(${JSON.stringify(attribute)})`);

  test('an unknown token is rejected in a sentence, and a valid one opens the link', async () => {
    const page = await open({ token: '', expected: /401/ });
    const policy = (await page.goto(`/audit.html?id=${audit}`))?.headers()['content-security-policy'];
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    await page.getByLabel('API token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'unknown or has expired' }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByLabel('API token').fill('local');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: CROSSED.template }).waitFor();
    expect(await page.evaluate('JSON.stringify(localStorage)')).toBe('{}');
  });

  test('an import is shown as one, with who imported it, and without a word of seeds, requests or refusals', async () => {
    const pictures = ['one', 'two', 'three'].map((name) => shaded(name));
    const { body } = await local.api('POST', '/api/imports', {
      ...{ name: 'Imported', model: 'midjourney v7', prompts: ['a doctor', 'a nurse'] },
      pictures: pictures.map((bytes, n) => ({
        ...{ prompt: n === 2 ? 1 : 0, bytes: bytes.length, format: 'png' },
        sha256: createHash('sha256').update(bytes).digest('hex'),
      })),
    });
    const page = await open();
    await page.goto(`/audit.html?id=${body.id}`);
    await page
      .getByRole('button', { name: /pending/ })
      .first()
      .waitFor();
    const { addresses } = (await local.api('POST', `/api/imports/${body.id}/addresses`)).body;
    for (const { n, url, headers } of addresses) {
      const { 'content-length': _, ...rest } = headers;
      expect((await fetch(url, { method: 'PUT', headers: rest, body: pictures[n]! })).status).toBe(200);
    }
    await local.finished(body.id);
    await imagesAre(page, 3);
    const header = page.locator('header.status');
    expect(await header.textContent()).toMatch(/imported by \S*local/);
    expect(await page.locator('main').textContent()).not.toMatch(/seed|refused/i);
    await images(page).first().click();
    const facts = page.getByRole('dialog').locator('.facts');
    await facts.waitFor();
    expect(await facts.textContent()).toMatch(/Imported by \S*local/);
    expect(await facts.textContent()).not.toMatch(/Seed|Version|Requested/);
    expect(await seriousProblems(page)).toEqual([]);
    await page.goto('/audits.html');
    await page.getByText(/imported by .*3 pictures/).waitFor();
  });

  test('an audit is described before it starts, and fills by itself once images may be shown', async () => {
    const page = await open({ imagesShown: false });
    await page.goto('/');
    // The days are those of serverless.yml.
    for (const text of ['Short: kept for 30 days', 'Standard: kept for 365 days'])
      await page.getByRole('option', { name: text }).waitFor({ state: 'attached' });
    await page.getByRole('radio', { name: 'Template with factors' }).check();
    await page.getByLabel('Template', { exact: true }).fill('a photo of a {gender} nurse');
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.getByText('Enter at least one value for gender.').waitFor();
    await page.getByLabel('gender, one value per line').fill('female\nmale');
    await page.getByLabel('Another model on Replicate').fill('studio');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByText('Enter a model as owner/name').waitFor();
    await page.getByLabel('Another model on Replicate').fill('simulated/studio');
    await page.keyboard.press('Enter');
    await page.getByLabel('Samples per prompt and model').fill('2');
    await expect(page.getByLabel('Estimate').innerText()).resolves.toMatch(
      /8 predictions\s+2 prompts × 2 models × 2 samples[\s\S]*less than a minute[\s\S]*free[\s\S]*no budget: nothing limits what its audits cost[\s\S]*±41 points[\s\S]*66 of 100/,
    );
    expect(await seriousProblems(page)).toEqual([]);
    local.fetched.clear();
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.waitForURL(/audit\.html\?id=/);
    await page.getByRole('region', { name: 'Before you look' }).waitFor();
    await page.locator('.tile.image').first().waitFor();
    expect(local.fetched.size).toBe(0);
    await page.getByRole('button', { name: 'Show images' }).click();
    await page.getByText('8 of 8').waitFor();
    await imagesAre(page, 8);
    expect(await page.locator('.tile.image .simulated').count()).toBe(8);
    expect(await page.locator('.tile').first().getAttribute('aria-label')).toBe(
      'a photo of a female nurse, simulated/portrait, sample 1: simulated image',
    );
  });

  test('a design that its models do not take is refused with a line for each thing to change beside its field, and kept', async () => {
    const page = await open({ expected: /422/ });
    await page.goto('/');
    await page.getByLabel('Prompts, one per line').fill('a nurse');
    for (const model of ['simulated/lettering', 'simulated/relay']) {
      await page.getByLabel('Another model on Replicate').fill(model);
      await page.keyboard.press('Enter');
    }
    await page.getByText('Name, seed, inputs and cost').click();
    await page.getByLabel('Inputs for every model, as JSON').fill('{"num_outputs": 9}');
    await page.getByRole('button', { name: 'Start the audit' }).click();
    const about = async (label: string) => {
      const field = page.getByLabel(label);
      const wrong = page.locator(`#${await field.getAttribute('id')}-problem`);
      return (await wrong.innerText()).split('\n');
    };
    expect(await about('Inputs for every model, as JSON')).toEqual([
      'The model "simulated/portrait" takes a whole number from 1 to 4 as "num_outputs", not 9.',
      expect.stringMatching(/^The model "simulated\/relay" has no input "num_outputs"/),
    ]);
    expect(await about('Another model on Replicate')).toEqual([
      expect.stringMatching(/^The model "simulated\/lettering" takes no prompt/),
    ]);
    expect(await seriousProblems(page)).toEqual([]);
    await page.reload();
    expect(await page.getByLabel('Inputs for every model, as JSON').inputValue()).toBe('{"num_outputs": 9}');
  });

  test('what an audit may cost and what is left are shown before it starts, and what it has cost while it runs', async () => {
    const page = await open({ expected: /402/ });
    const POSTER = 'simulated/poster';
    await local.setBudget({ monthly: 0.1, prices: { [POSTER]: { perImage: 0.02 } } });
    await page.goto('/');
    await page.getByLabel('Prompts, one per line').fill('a poster');
    const add = async (model: string) => {
      await page.getByLabel('Another model on Replicate').fill(model);
      await page.keyboard.press('Enter');
    };
    await add(POSTER);
    await page.getByLabel('Samples per prompt and model').fill('6');
    const estimate = page.getByLabel('Estimate');
    await estimate.getByText('at most $0.12').waitFor();
    await estimate.getByText('$0.10 of $0.10, for all audits until').waitFor();
    await estimate.getByText('This audit does not fit.').waitFor();
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page
      .getByRole('alert')
      .filter({ hasText: "may cost $0.12, and $0.10 of this month's budget are left" })
      .waitFor();
    await add('someone/unpriced');
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.getByText('The price of someone/unpriced is not known. Enter the most').waitFor();
    await page.getByLabel('The most that the audit may cost').waitFor();
    await page.getByRole('checkbox', { name: 'someone/unpriced' }).click();
    await page.getByLabel('Samples per prompt and model').fill('4');
    await estimate.getByText('at most $0.08').waitFor();
    expect(await estimate.getByText('does not fit').count()).toBe(0);
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.waitForURL(/audit\.html\?id=/);
    await page.getByText(/cost: \$0\.0\d/).waitFor();
    await page.getByText('8 of 8').waitFor();
    await page.getByText('cost: $0.08').waitFor();
    await local.setBudget({});
  });

  test('a design that is filled in before the list of models arrives is kept', async () => {
    const page = await open();
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      page.route('**/api/models', async (route) => {
        resolve();
        await new Promise<void>((release) => {
          answer = release;
        });
        await route.continue();
      });
    });
    await page.goto('/');
    await asked;
    await page.getByRole('button', { name: 'Gender × occupation' }).click();
    answer();
    await page.getByRole('checkbox', { name: 'simulated/portrait', checked: true }).waitFor();
    expect(await page.getByLabel('Template', { exact: true }).inputValue()).toBe(
      'a photo of a {gender} {job}',
    );
  });

  test('rows, columns and pins are in the address, and refusals have tiles and a share', async () => {
    const page = await open();
    await page.goto(`/audit.html?id=${audit}`);
    await page.getByRole('combobox', { name: 'Rows' }).selectOption('model');
    await page.getByRole('combobox', { name: 'Columns' }).selectOption('f:job');
    await page.getByRole('button', { name: 'Next gender' }).click();
    expect(Object.fromEntries(query(page))).toMatchObject({
      rows: 'model',
      columns: 'f:job',
      'pin.f:gender': 'male',
    });
    const cell = page.getByRole('gridcell', { name: 'simulated/studio, weapon dealer' });
    await cell.getByText('3/3 refused').waitFor();
    expect(await cell.innerText()).toContain('100 % (44–100)');
    expect(await cell.locator('.tile.refused').count()).toBe(3);
    const before = await page.getByRole('grid').innerText();
    await page.reload();
    await cell.getByText('3/3 refused').waitFor();
    await waitFor('the same grid', async () => (await page.getByRole('grid').innerText()) === before);
    await page.getByRole('button', { name: 'Swap rows and columns' }).click();
    expect(await page.getByRole('rowheader').first().innerText()).toBe('doctor');
    await page.goBack();
    expect(await page.getByRole('rowheader').first().innerText()).toBe('simulated/portrait');
    await page.getByText('Refusals and other outcomes').click();
    await page.getByRole('row', { name: /simulated\/studio.*6\/12 refused/ }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('rows of a table have their factors as axes, their reference beside them, and no tiles where no model was asked', async () => {
    const id = await local.start({
      prompts: [
        { text: 'a doctor', factors: { job: 'doctor', share: '0.4' }, model: 'simulated/portrait' },
        { text: 'a nurse', factors: { job: 'nurse', share: '0.87' }, model: 'simulated/studio' },
        { text: 'a tree', model: 'simulated/portrait' },
        { text: 'a tree', model: 'simulated/studio' },
      ],
      samples: 2,
      reference: 'share',
    });
    await local.finished(id);
    const page = await open();
    await page.goto(`/audit.html?id=${id}&rows=prompt&columns=model`);
    await page.getByText('seeds different for each prompt').waitFor();
    const cell = (name: string) => page.getByRole('gridcell', { name });
    await cell('a doctor, simulated/portrait').locator('img').first().waitFor();
    expect(await cell('a doctor, simulated/studio').innerText()).toBe('not asked');
    expect(await page.getByRole('rowheader', { name: 'a nurse' }).innerText()).toContain('share 0.87');
    expect(await page.locator('.tile').count()).toBe(8);
    expect(await seriousProblems(page)).toEqual([]);
    await cell('a doctor, simulated/portrait')
      .getByRole('button', { name: /as a wall/ })
      .click();
    await page.getByRole('button', { name: 'Next cell' }).click();
    // The next cell of the grid was not asked.
    await page.getByRole('heading', { name: 'a nurse × simulated/studio' }).waitFor();
    await page.goto(`/audit.html?id=${id}&rows=f:job&columns=model`);
    expect(await page.getByRole('rowheader', { name: '(no job)' }).innerText()).not.toContain('share');
    await cell('(no job), simulated/studio').locator('img').first().waitFor();
    await page.goto(`/compare?a=${id}&b=${id}`);
    await page.getByText('4 of 4 pairs of prompt and model are in both audits').waitFor();
  });

  test('an image is compared with that of the same seed for the prompt that is contrasted with its own', async () => {
    const job = (sex: string, job: string) => ({ text: `a ${sex} ${job}`, factors: { sex, job } });
    const id = await local.start({
      prompts: [job('female', 'pilot'), job('male', 'pilot'), job('female', 'judge'), job('male', 'judge')],
      models: ['simulated/portrait'],
      samples: 2,
      compare: ['sex'],
    });
    await local.finished(id);
    const page = await open();
    await page.goto(`/audit.html?id=${id}&image=1.0`);
    await page.getByText('seeds shared across sex').waitFor();
    const contrasts = page.getByRole('region', { name: 'Same model and seed, other prompts' });
    expect(await contrasts.getByRole('button').allInnerTexts()).toEqual(['a male pilot']);
    await contrasts.getByRole('button').click();
    const differences = page.getByRole('table').filter({ hasText: 'Differences' });
    await differences.getByRole('row', { name: 'sex female male' }).waitFor();
    expect(await differences.getByRole('rowheader').allInnerTexts()).toEqual(['Prompt', 'sex']);
  });

  test('the keyboard alone leads through the grid, into the large view and into the comparison', async () => {
    const page = await open();
    await page.goto(`/audit.html?id=${audit}`);
    await imagesAre(page, 12);
    for (let presses = 0; (await focused(page, 'data-cell')) === null; presses++) {
      expect(presses).toBeLessThan(40);
      await page.keyboard.press('Tab');
    }
    for (const key of ['ArrowDown', 'ArrowRight', 'Home', 'Enter', 'ArrowRight', 'Enter'])
      await page.keyboard.press(key);
    const dialog = page.getByRole('dialog', {
      name: 'a photo of a male doctor, simulated/portrait, sample 2',
    });
    await dialog.locator('.stage img').waitFor();
    for (const fact of ['Version', 'Seed', 'SHA-256', 'Tags', 'Completed', 'gender'])
      expect(await dialog.locator('dt', { hasText: new RegExp(`^${fact}$`) }).count()).toBe(1);
    await dialog.getByText('status=ok format=').waitFor();
    const here = query(page).get('image');
    await page.keyboard.press('m');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('dialog', { name: /sample 3/ }).waitFor();
    expect(query(page).get('image')).not.toBe(here);
    await page.keyboard.press('m');
    await page.keyboard.press('c');
    const both = page.getByRole('dialog', { name: 'Compare two images' }).locator('.stage img');
    await waitFor('two images', async () => (await both.count()) === 2);
    const scale = page.getByRole('dialog').getByRole('status');
    expect(await scale.innerText()).toBe('fits');
    for (const key of ['+', '+', 'ArrowLeft']) await page.keyboard.press(key);
    const transforms = await both.evaluateAll((found) =>
      found.map((image) => (image as unknown as { style: { transform: string } }).style.transform),
    );
    expect(transforms).toEqual([expect.stringContaining('scale(2.25)'), transforms[0]]);
    expect(transforms[0]).toContain('translate(10%');
    expect(await scale.innerText()).toBe('2.3 ×');
    await both.first().hover();
    await page.mouse.wheel(0, -400);
    await waitFor(
      'a larger scale',
      async () => !(await both.last().getAttribute('style'))?.includes('scale(2.25)'),
    );
    expect(await both.first().getAttribute('style')).toBe(await both.last().getAttribute('style'));
    expect(await seriousProblems(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The focus returns to the tile where it was.
    expect(await focused(page, 'aria-label')).toContain('sample 2');
  });

  test('a wall has equal tiles that arrow keys move between, and the focus returns to its cell', async () => {
    const page = await open();
    await page.goto(`/audit.html?id=${audit}`);
    await page.locator('[data-cell]').last().focus();
    await page.keyboard.press('w');
    await page.getByRole('heading', { name: 'male × weapon dealer' }).waitFor();
    await waitFor('the wall', async () => (await page.locator('.wall .tile img').count()) === 3);
    const sizes = await page.locator('.wall .tile').evaluateAll((tiles) =>
      tiles.map((tile) => {
        const { width, height } = (
          tile as unknown as { getBoundingClientRect(): { width: number; height: number } }
        ).getBoundingClientRect();
        return `${width}×${height}`;
      }),
    );
    expect(new Set(sizes).size).toBe(1);
    await page.keyboard.press('ArrowRight');
    expect(await focused(page, 'aria-label')).toContain('sample 2');
    await page.keyboard.press('Escape');
    await page.locator('[data-cell]').last().waitFor();
    expect(await focused(page, 'data-cell')).toBe('1.1');
  });

  test('samples of a cell can be shown one at a time', async () => {
    const page = await open();
    await page.goto(`/audit.html?id=${audit}`);
    await page.getByRole('combobox', { name: 'In a cell' }).selectOption('one');
    const cell = page.locator('[data-cell]').last();
    await cell.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await cell.getByText('2 of 3').waitFor();
    expect(await cell.locator('.tile').getAttribute('aria-label')).toContain('sample 2');
  });

  test('no image is fetched twice by grid, reload, wall and large view', async () => {
    const page = await open();
    local.fetched.clear();
    await page.goto(`/audit.html?id=${audit}`);
    await imagesAre(page, 12);
    await page.reload();
    await imagesAre(page, 12);
    await page.locator('[data-cell]').first().focus();
    await page.keyboard.press('w');
    await imagesAre(page, 3);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').locator('.stage img').waitFor();
    // Twelve renditions, and the original that was opened.
    expect(local.fetched.size).toBe(13);
    expect([...local.fetched.values()].filter((count) => count > 1)).toEqual([]);
  });

  test('the manifest is downloaded as JSON, and as CSV with factors as columns', async () => {
    await local.whole(audit);
    const page = await open();
    await page.goto(`/audit.html?id=${audit}`);
    const take = async (name: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name }).click(),
      ]);
      expect(download.suggestedFilename()).toBe(`weaudit-${audit}.${name.endsWith('CSV') ? 'csv' : 'json'}`);
      return readFile(await download.path(), 'utf8');
    };
    const rows = (await take('Manifest CSV')).trim().split('\n');
    expect(rows[0]).toContain('factor:gender,factor:job');
    expect(rows).toHaveLength(25);
    expect(JSON.parse(await take('Manifest JSON')).cells).toHaveLength(24);
  });

  test('an address that the bucket refuses is renewed without an error message', async () => {
    const page = await open({ expected: /403/ });
    let changed = 0;
    await page.route('**/predictions?**', async (route) => {
      const response = await route.fetch();
      const text = await response.text();
      const first = changed++ === 0;
      await route.fulfill({
        response,
        body: first ? text.replace(/X-Amz-Signature=\w{4}/g, 'X-Amz-Signature=0000') : text,
      });
    });
    await page.goto(`/audit.html?id=${audit}`);
    await imagesAre(page, 12);
    expect(changed).toBeGreaterThan(1);
  });

  test('offline, the page says so, keeps what has loaded, and resumes when it reconnects', async () => {
    const page = await open({ expected: /ERR_INTERNET_DISCONNECTED/ });
    await page.goto(`/audit.html?id=${audit}`);
    await imagesAre(page, 12);
    await page.context().setOffline(true);
    await page.getByText('You are offline.').waitFor();
    expect(await images(page).count()).toBe(12);
    await page.getByRole('button', { name: 'Next model' }).click();
    await waitFor(
      'six images that could not be loaded',
      async () => (await page.getByText('not loaded').count()) === 6,
    );
    await page.context().setOffline(false);
    await page.getByText('You are offline.').waitFor({ state: 'detached' });
    await imagesAre(page, 6);
  });

  test('canceling asks first, and then shows the audit as canceled', async () => {
    const running = await local.start(NEVER_STARTS);
    const page = await open();
    await page.goto(`/audit.html?id=${running}`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel audit' }).click();
    await page.getByText(/2 of 2 (done|finished) · canceled/).waitFor();
  });

  test('a token that may only read is told so when it tries to cancel', async () => {
    const running = await local.start(NEVER_STARTS);
    const page = await open({ token: 'local-read', expected: /403/ });
    await page.goto(`/audit.html?id=${running}`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel audit' }).click();
    await page.getByRole('alert').filter({ hasText: 'Your token can only view audits.' }).waitFor();
  });

  test('two audits are side by side, with prompts and models in pairs and different settings listed', async () => {
    const page = await open();
    await page.goto('/audits.html');
    await page.getByLabel(`Select ${CROSSED.template} for comparison`).check();
    await page.getByLabel('Select Again for comparison').check();
    await page.getByRole('link', { name: 'Compare these two' }).click();
    await page.waitForURL(/compare/);
    // People may send the address without the file's ending.
    await page.goto(`/compare?a=${audit}&b=${again}`);
    await page.getByText('2 of 10 pairs of prompt and model are in both audits.').waitFor();
    await page.getByRole('row', { name: /seed .* 7/ }).waitFor();
    await page.getByRole('row', { name: /samples 3 1/ }).waitFor();
    const row = page.locator('.alignedrow').first();
    expect(await row.locator('h2').innerText()).toMatch(/a photo of a female doctor\s+simulated\/portrait/);
    await waitFor('both halves', async () => (await row.locator('.tile img').count()) === 4);
  });

  test('on a phone every page fits, and axe finds nothing serious on any, light or dark', async () => {
    const page = await open({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
      colorScheme: 'light',
      reducedMotion: 'reduce',
    });
    for (const path of [
      '/',
      '/audits.html',
      `/audit.html?id=${audit}`,
      `/audit.html?id=${audit}&wall=0.0`,
      `/audit.html?id=${audit}&image=0.0`,
      `/compare?a=${audit}&b=${again}`,
    ]) {
      await page.goto(path);
      await page.locator('h1, dialog').first().waitFor();
      if (path.includes('?')) await page.locator('img').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await seriousProblems(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await seriousProblems(page, ['color-contrast'])).toEqual([]);
      await page.emulateMedia({ colorScheme: 'light' });
    }
  });

  test('deleting asks first, and says what the backup keeps', async () => {
    const doomed = await local.start({ ...NEVER_STARTS, name: 'Doomed' });
    const page = await open();
    await page.goto('/audits.html');
    await page.getByRole('button', { name: 'Delete Doomed' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The backup keeps').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Delete audit' }).click();
    await page.getByRole('link', { name: 'Doomed' }).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('link', { name: CROSSED.template }).waitFor();
    expect(await page.getByRole('link', { name: 'Doomed' }).count()).toBe(0);
    expect((await local.api('GET', `/api/audits/${doomed}`)).status).toBe(404);
  });

  test('of 2,000 images, only those in sight have tiles', async () => {
    const page = await open();
    await pretendHugeAudit(page, { id: audit, jobs: 200, samples: 10, images: await local.imagesOf(audit) });
    await page.goto(`/audit.html?id=${audit}&rows=f:job&columns=sample&size=s`);
    await images(page).first().waitFor();
    await page.getByRole('grid').evaluate((grid) => {
      const { scrollHeight } = grid as unknown as { scrollHeight: number };
      (grid as unknown as { scrollTop: number }).scrollTop = scrollHeight;
    });
    await page.getByRole('gridcell', { name: 'worker 199, 1', exact: true }).locator('img').waitFor();
    expect(await page.locator('.tile').count()).toBeLessThan(300);
  });
});

/** Its predictions wait for as long as the test runs. */
const NEVER_STARTS = {
  prompts: ['a photo of a doctor'],
  models: ['simulated/unreliable'],
  input: { outcome: 'never-starts' },
  samples: 2,
};
