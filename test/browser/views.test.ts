import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Locator } from 'playwright-core';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, seriousProblems } from './support/browser.ts';
import { picture, withPretence } from './support/pretend.ts';

/** What the tests use of a browser, whose types they do not have. */
interface Window {
  innerWidth: number;
  innerHeight: number;
  getComputedStyle(element: unknown): { direction: string; maskImage: string; backgroundColor: string };
}

/** What the views say of an audit, with answers that are made here. */
describeInBrowser('the views', (executable) => {
  const open = withPretence(executable);
  const directionOf = (locator: Locator) =>
    locator.evaluate((element) => (globalThis as unknown as Window).getComputedStyle(element).direction);

  /** Whether all of it is on the screen. */
  const isInside = (locator: Locator) =>
    locator.evaluate((element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      const { innerWidth, innerHeight } = globalThis as unknown as Window;
      return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
    });

  test("numbers and dates are written by the reader's locale", async () => {
    const { page } = await open({ samples: 600 }, '', { locale: 'de-DE' });
    await page.getByText('1.200 of 1.200').waitFor();
    await page.getByText('01.01.2026').waitFor();
  });

  test('a prompt in a script that runs from right to left stands so, and the words around it do not', async () => {
    const arabic = 'صورة طبيبة (أنثى).';
    const { page, address } = await open(
      { prompts: [{ text: arabic, factors: { دور: 'طبيبة', job: 'doctor' } }, { text: 'a nurse' }] },
      '&rows=prompt&columns=model',
    );
    expect(await directionOf(page.getByRole('rowheader').first().locator('.clamp'))).toBe('rtl');
    expect(await directionOf(page.getByRole('rowheader').last().locator('.clamp'))).toBe('ltr');
    await page.goto(address('&rows=prompt&columns=model&image=0.0'));
    const fact = (name: string) => page.locator('.facts div', { hasText: name }).first().locator('dd');
    expect(await directionOf(fact('Prompt'))).toBe('rtl');
    expect(await directionOf(fact('Model'))).toBe('ltr');
    await page.goto(address('&rows=prompt&columns=model&wall=0.0'));
    // Between other words a prompt is isolated from them.
    expect(await directionOf(page.locator('.wallhead bdi').first())).toBe('rtl');
    expect(await directionOf(page.locator('.wallhead h2'))).toBe('ltr');
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('every cell says what leads to its wall, whether all of its images fit or not', async () => {
    const { page } = await open({ samples: 6 }, '&rows=prompt&columns=model');
    const cell = page.getByRole('gridcell', { name: 'a nurse, a/one' });
    await waitFor('all six images', async () => (await cell.locator('.tile').count()) === 6);
    await cell.getByText('All 6 ›').waitFor();
    await page.getByRole('combobox', { name: 'In a cell' }).selectOption('one');
    await cell.getByText('1 of 6').waitFor();
    await cell.getByText('All 6 ›').click();
    await page.getByRole('heading', { name: 'a nurse' }).waitFor();
  });

  test('images are selected for comparison on a wall by a control that everybody can see', async () => {
    const { page } = await open({}, '&wall=0.0');
    const tiles = page.locator('.wall .tile');
    const select = page.getByRole('button', { name: 'Select for comparison' });
    await select.click();
    expect(await select.getAttribute('aria-pressed')).toBe('true');
    await tiles.nth(1).click();
    await tiles.nth(4).click();
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await page.locator('.wall .tile.marked').count()).toBe(2);
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByRole('dialog', { name: 'Compare two images' }).waitFor();
    await page.keyboard.press('Escape');
    // Without it a tile opens its image, as before.
    await select.click();
    await tiles.nth(1).click();
    await page.getByRole('dialog', { name: /sample 2/ }).waitFor();
  });

  test('an audit is finished where its manifest is written, and until then its predictions are done', async () => {
    const counts = { waiting: 2, running: 34, succeeded: 0, failed: 0, refused: 0, canceled: 0 };
    const { page } = await open({ samples: 18, status: { state: 'running', counts, manifest: false } });
    await page.getByText('0 of 36 done · 34 in progress').waitFor();
    await page.context().close();
    const done = await open({ status: { manifest: false } });
    await done.page.getByText('20 of 20 done · the manifest follows in some seconds').waitFor();
    await done.page.context().close();
    const finished = await open({});
    await finished.page.getByText('20 of 20 finished').waitFor();
  });

  test('a comparison lists inputs by model and prompts with both texts, each under its own name', async () => {
    const models = ['a/one', 'b/two'];
    const plan = (inputs: Record<string, unknown>[], name: string) => ({
      name,
      models: models.map((model, i) => ({
        ...{ model, version: null, inputs: null, seed: 'supported' as const },
        input: inputs[i] ?? {},
      })),
    });
    const { page, comparison } = await open({
      models,
      samples: 2,
      plan: plan([{ steps: 4 }, { guidance: 3 }], 'Before'),
      other: {
        prompts: [{ text: 'a doctor' }, { text: 'a teacher' }],
        plan: { ...plan([{ steps: 4 }, { guidance: 7 }], 'After'), createdAt: '2026-02-01T00:00:00.000Z' },
      },
    });
    await page.goto(comparison);
    await page.getByText('1 setting differs').waitFor();
    await page.getByRole('columnheader', { name: 'Before' }).getByText('1 Jan 2026').first().waitFor();
    await page.getByRole('row', { name: 'input guidance of b/two 3 7' }).waitFor();
    await page.getByText('2 prompts differ').waitFor();
    await page.getByRole('row', { name: 'only in A a nurse none' }).waitFor();
    await page.getByRole('row', { name: 'only in B none a teacher' }).waitFor();
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('a comparison says what each audit came to in what both asked, and whether their refusals differ', async () => {
    const refused = { status: 'refused' as const, error: 'sensitive', images: [], returned: 0 };
    const { page, comparison } = await open({
      samples: 20,
      plan: { name: 'Before' },
      other: {
        // Its second prompt is one that the first audit does not have.
        prompts: [{ text: 'a doctor' }, { text: 'a teacher' }],
        plan: { name: 'After' },
        cell: (n) => (n >= 20 || n % 2 === 0 ? refused : {}),
      },
    });
    await page.goto(comparison);
    const totals = page.getByRole('region', { name: 'In the pairs that both audits have' });
    await totals.getByText('20 shown · 0/20 refused').waitFor();
    await totals.getByText('10 shown · 10/20 refused').waitFor();
    await totals
      .locator('[data-test=verdict]')
      .getByText(/After.? \(B\).? refuses more than .*Before.? \(A\).*, and that is certain/)
      .waitFor();
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('the list says what became of each finished audit, and of a study together', async () => {
    const made = { createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'tests', predictions: 10 };
    const counts = { waiting: 0, running: 0, succeeded: 10, failed: 0, refused: 0, canceled: 0 };
    const images = { ok: 10, blank: 0, quarantined: 0, lost: 0, filtered: 0 };
    const finished = { ...made, finished: true, counts, images };
    const audits = [
      { ...made, id: '1', name: 'Running', finished: false },
      { ...finished, id: '2', name: 'Calm' },
      {
        ...{ ...finished, id: '3', name: 'Not calm', counts: { ...counts, refused: 3, failed: 2 } },
        images: { ...images, quarantined: 1 },
      },
      { ...finished, id: '4', name: 'Had', source: 'imported' },
      { ...finished, id: '5', name: 'One', counts: { ...counts, refused: 4 } },
    ];
    const study = { ...made, id: 'a-study', name: 'Together' };
    const { page } = await open({
      answers: {
        '/api/audits': { json: { audits } },
        '/api/studies': { json: { studies: [{ ...study, audits: ['5'] }] } },
        '/api/studies/a-study': { json: { ...study, audits: audits.slice(4) } },
      },
    });
    await page.goto('/audits.html');
    const line = (name: string) => page.getByRole('listitem').filter({ hasText: name }).locator('.meta');
    await line('Together').getByText('10 predictions · 4 refused').waitFor();
    await line('Not calm').getByText('10 predictions · 3 refused · 2 failed · 1 unusable').waitFor();
    expect(await line('Calm').first().innerText()).toMatch(/10 predictions · none refused$/);
    expect(await line('Running').innerText()).toMatch(/10 predictions$/);
    expect(await line('Had').innerText()).toMatch(/10 pictures$/);
  });

  test('two images differ by input, and a factor that is called like a fact is not taken for it', async () => {
    const models = ['a/one', 'b/two'];
    const { page } = await open(
      {
        ...{ models, samples: 1, input: { steps: 4 } },
        prompts: [
          { text: 'a doctor', factors: { Model: 'T' } },
          { text: 'a nurse', factors: { Model: 'S' } },
        ],
        plan: {
          models: models.map((model, i) => ({
            ...{ model, version: null, inputs: null, seed: 'supported' as const },
            input: i === 0 ? {} : { steps: 8, guidance: 3 },
          })),
        },
      },
      '&pair=0.0-3.0&compare=1',
    );
    const table = page.getByRole('dialog').getByRole('table');
    for (const row of ['Model T S', 'Model a/one b/two', 'Input steps 4 8', 'Input guidance – 3'])
      await table.getByRole('row', { name: row, exact: true }).waitFor();
  });

  test('on a phone everything in sight can be reached, and what continues beside the screen fades', async () => {
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
    const name = `A very long title of an audit, ${'as people write them, '.repeat(6)}with aVeryLongWordThatDoesNotBreakByItselfAnywhere`;
    const { page, comparison } = await open(
      {
        models: ['stability-ai/stable-diffusion-3.5-large-turbo', 'b/two'],
        plan: { name },
        status: { name },
      },
      '',
      phone,
    );
    await page.locator('.tile img').first().waitFor();
    for (const button of ['Manifest JSON', 'Manifest CSV', 'Hide images', 'Keyboard and help'])
      expect([button, await isInside(page.getByRole('button', { name: button }))]).toEqual([button, true]);
    const title = page.getByRole('heading', { level: 1 });
    expect(await title.evaluate((element) => element.scrollHeight <= element.clientHeight + 1)).toBe(true);
    expect(await isInside(title)).toBe(true);
    const mask = page.locator('.toolbar');
    expect(await mask.evaluate((element) => element.scrollWidth > element.clientWidth)).toBe(true);
    expect(
      await mask.evaluate((element) => (globalThis as unknown as Window).getComputedStyle(element).maskImage),
    ).toContain('rgba(0, 0, 0, 0)');
    await page.goto(comparison);
    await page.locator('.tile img').first().waitFor();
    for (const heading of await page.locator('.alignedrow h2').all())
      expect(await heading.evaluate((element) => element.scrollHeight <= element.clientHeight + 1)).toBe(
        true,
      );
    expect(await isInside(page.getByRole('button', { name: 'Hide images' }))).toBe(true);
    await page.getByRole('button', { name: 'Hide images' }).click();
    await page.getByText('AI-generated and possibly disturbing.').waitFor();
  });

  test('the table of outcomes begins with the models, and says when a difference may be chance', async () => {
    const factors = [
      { gender: 'female', job: 'doctor' },
      { gender: 'male', job: 'doctor' },
    ];
    const texts = [...factors, { gender: 'female', job: 'nurse' }, { gender: 'male', job: 'nurse' }];
    const { page } = await open({
      prompts: texts.map((factors) => ({ text: `a ${factors.gender} ${factors.job}`, factors })),
      models: ['a/one', 'a/two'],
      samples: 2,
      cell: (n) => (n % 4 === 3 ? { status: 'refused', error: 'sensitive', images: [], returned: 0 } : {}),
    });
    // The grid shows one model, and says that there is another, which refuses.
    await page.getByRole('combobox', { name: 'model (1 of 2)', exact: true }).waitFor();
    await page.getByText('Refusals and other outcomes').click();
    const table = page.locator('.outcomes');
    await table.getByRole('row', { name: 'a/one' }).getByText('0/8 refused').waitFor();
    await table.getByRole('row', { name: 'a/two' }).getByText('4/8 refused').waitFor();
    await table.getByText('If two bands overlap, the difference may be chance.').waitFor();
    // statsmodels: confint_proportions_2indep(4, 8, 0, 8, method="newcomb") is 0.068 to 0.785.
    const verdict = page.locator('[data-test=verdict]');
    await verdict.getByText(/a\/two.? refuses more than .?a\/one.?, and that is certain/).waitFor();
    await verdict.getByText('50 points of 100, with 7 to 78').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('which of several models refuses more is not certain from few samples, and none refuses where none did', async () => {
    const three = { prompts: [{ text: 'a nurse' }], models: ['a/one', 'a/two', 'a/three'] };
    const cell = (n: number) =>
      n === 11 ? { status: 'refused' as const, error: 'sensitive', images: [], returned: 0 } : {};
    const { page } = await open({ ...three, samples: 4, cell });
    await page.getByText('Refusals and other outcomes').click();
    const verdict = page.locator('[data-test=verdict]');
    await verdict.getByText(/Whether .?a\/three.? refuses more than .* is not certain/).waitFor();
    await verdict.getByText('the two furthest apart of 3 pairs').waitFor();
    const { page: calm } = await open({ ...three, samples: 4 });
    await calm.getByText('Refusals and other outcomes').click();
    await calm.locator('[data-test=verdict]').getByText('Nothing was refused.').waitFor();
  });

  test('the line below a cell is whole where the link to its wall stands beside it', async () => {
    const { url: _, rendition: __, ...unseen } = picture(0);
    const { page } = await open({
      ...{ samples: 4, plan: { source: 'imported' }, status: { source: 'imported' } },
      cell: (n) => ({
        ...{ source: 'imported', seed: null },
        ...(n === 0 && { images: [{ ...unseen, status: 'quarantined', reason: 'truncated' }] }),
      }),
    });
    const foot = page.getByRole('gridcell', { name: 'a doctor, a/one' }).locator('.foot');
    await foot.getByText('1 unusable').waitFor();
    expect(await foot.evaluate((element) => element.scrollHeight - element.clientHeight)).toBeLessThanOrEqual(
      1,
    );
  });

  test('the table of outcomes says how many predictions came to no picture and why, and names all models that refuse most', async () => {
    const { page } = await open({
      prompts: [{ text: 'a nurse' }],
      models: ['a/one', 'a/two', 'a/three'],
      samples: 30,
      cell: (n) => {
        const none = { images: [], returned: 0 };
        if (n < 60 && n % 2 === 0) return { ...none, status: 'refused', error: 'sensitive', filtered: 1 };
        if (n === 61) return { ...none, status: 'failed', error: 'out of memory' };
        if (n === 63) return { images: [picture(n, 0, { blank: true })] };
        if (n === 65) return { asked: 2, returned: 1, filtered: 1 };
        const { url: _, rendition: __, ...stored } = picture(n);
        return n === 67 ? { images: [{ ...stored, status: 'pending' }] } : {};
      },
    });
    await page.getByText('Refusals and other outcomes').click();
    await page
      .locator('[data-test=missing]')
      .getByText(
        '31 of 90 predictions came to no picture: 30 refused, 1 failed. Of the others, 2 pictures show nothing: 1 withheld by the model’s filter, 1 blank.',
      )
      .waitFor();
    await page
      .locator('.outcomes')
      .getByRole('row', { name: 'a/three' })
      .getByText('1 being checked')
      .waitFor();
    await page
      .locator('[data-test=verdict]')
      .getByText(/^.?a\/one.? and .?a\/two.? refuse more than .?a\/three.?, and that is certain/)
      .waitFor();
  });

  test.each([
    [1280, 800],
    [390, 844],
  ])(
    'the large view can be closed, and what it offers is on the screen, at %i by %i',
    async (width, height) => {
      const { page } = await open({}, '&image=3.0', { viewport: { width, height } });
      const dialog = page.getByRole('dialog');
      for (const name of ['Download', 'Is it unchanged?', 'Select for comparison', 'Close'])
        expect([name, await isInside(dialog.getByRole('button', { name }))]).toEqual([name, true]);
      await dialog.getByRole('button', { name: 'Close' }).click();
      expect(await page.getByRole('dialog').count()).toBe(0);
      // Long help begins at its beginning, not at the button that closes it.
      await page.getByRole('button', { name: 'Keyboard and help' }).click();
      expect(await isInside(page.getByRole('dialog').getByRole('heading', { name: 'Keyboard' }))).toBe(true);
    },
  );

  test('a picture says what its fingerprint is good for', async () => {
    const { page } = await open({}, '&image=3.0');
    await page.getByText('A copy with another one was changed.').waitFor();
  });

  test('imported pictures of a study are not counted as answers that were no refusals', async () => {
    const made = { createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'tests' };
    const counts = { waiting: 0, running: 0, succeeded: 0, failed: 0, refused: 0, canceled: 0 };
    const images = { ok: 0, blank: 0, quarantined: 0, lost: 0, filtered: 0 };
    const one = { ...made, id: '7ychs9v1bzsamp1e0000000001', name: 'Asked', predictions: 4 };
    const two = { ...made, id: '7ychs9v1bzsamp1e0000000002', name: 'Had', predictions: 6 };
    const json = {
      ...{ ...made, id: 'a-study', name: 'Both' },
      audits: [
        { ...one, finished: true, counts: { ...counts, succeeded: 3, refused: 1 }, images },
        {
          ...{ ...two, source: 'imported', finished: true, counts: { ...counts, succeeded: 6 } },
          images: { ...images, ok: 5, quarantined: 1 },
        },
      ],
    };
    const { page } = await open({ answers: { '/api/studies/a-study': { json } } });
    await page.goto('/study.html?id=a-study');
    await page.locator('header.status').getByText('1/4 refused · 25 %').waitFor();
    await page.getByRole('region', { name: 'Had' }).getByText('images: 1 unusable').waitFor();
  });

  test('a quarantined output says why, and how its bytes are saved', async () => {
    const { url: _, rendition: __, ...unseen } = picture(3, 1);
    const { page } = await open(
      {
        cell: (n) =>
          n === 3 ? { images: [picture(3), { ...unseen, status: 'quarantined', reason: 'truncated' }] } : {},
      },
      '&image=3.1',
    );
    const dialog = page.getByRole('dialog');
    await dialog.getByText('This output is unusable and not shown: truncated.').waitFor();
    await dialog.getByText(/npx weaudit evidence \w{26} 3 --index 1 --stage <stage>/).waitFor();
    expect(await dialog.getByRole('button', { name: 'Download' }).count()).toBe(0);
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('a picture that this browser cannot display says so in the large view, and its bytes can be saved', async () => {
    const { page } = await open(
      { image: (file) => (file === '/original/3/0' ? { status: 200, body: 'no picture' } : undefined) },
      '&image=3.0',
    );
    const dialog = page.getByRole('dialog');
    await dialog.getByText('This browser cannot display the image. Download it').waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(await readFile(await download.path(), 'utf8')).toBe('no picture');
  });

  test('an animated picture is marked as one where it stands still, and where it moves', async () => {
    const animated = { animated: true, alpha: false, c2pa: false, format: 'gif' as const };
    const { page } = await open(
      { cell: (n) => (n === 3 ? { images: [picture(3, 0, animated)] } : {}) },
      '&rows=prompt&columns=model',
    );
    await page.locator('.tile[data-tile="3.0"]').getByText('ANIMATED').waitFor();
    expect(await page.locator('.tile .animated').count()).toBe(1);
    expect(await page.locator('.tile[data-tile="3.0"]').getAttribute('aria-label')).toMatch(
      /: animated image$/,
    );
    await page.locator('.tile[data-tile="3.0"]').click();
    await page.getByRole('dialog').locator('.stage .animated').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
  });

  /** What the API answers to the form for a new audit. */
  const formAnswers = (scope: 'read' | 'audit') => ({
    '/api/models': { json: { scope, models: ['a/one'], retentionDays: { short: 30, standard: 365 } } },
    '/api/budget': {
      json: {
        ...{ month: '2026-01', turnsAt: '2026-02-01T00:00:00Z', monthly: null, left: null },
        ...{ reserved: 0, spent: 0, prices: {}, pricesAsOf: '2026-01-01' },
      },
    },
    '/api/studies': { json: { studies: [] } },
  });

  test('a token that may only look is told so before the form is filled in', async () => {
    const { page } = await open({ answers: formAnswers('read') });
    await page.goto('/index.html');
    await page.getByRole('status').filter({ hasText: 'Your token can only view audits' }).waitFor();
    const start = page.getByRole('button', { name: 'Start the audit' });
    expect(await start.isDisabled()).toBe(true);
    const background = () =>
      start.evaluate((button) => (globalThis as unknown as Window).getComputedStyle(button).backgroundColor);
    await waitFor('it to look so, too', async () => (await background()) === 'rgba(0, 0, 0, 0)');
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('each error is said once, beside its field, which is marked, and the first one gets the focus', async () => {
    const { page } = await open({ answers: formAnswers('audit') });
    await page.goto('/index.html');
    await page.getByRole('checkbox', { name: 'a/one', checked: true }).waitFor();
    expect(await page.locator('.error').count()).toBe(0);
    await page.getByLabel('Samples per prompt and model').fill('0');
    await page.getByText('Name, seed, inputs and cost').click();
    await page.getByLabel('Seed, to repeat an audit').fill('1,5');
    await page.getByRole('checkbox', { name: 'a/one' }).uncheck();
    await page.getByRole('button', { name: 'Start the audit' }).click();
    await page.getByRole('alert').filter({ hasText: 'Correct the 4 marked fields.' }).waitFor();
    const wrong = {
      'Prompts, one per line': 'Enter at least one prompt.',
      'Another model on Replicate': 'Choose at least one model.',
      'Samples per prompt and model': 'Samples must be a whole number from 1 to 1,000.',
      'Seed, to repeat an audit': 'The seed must be a whole number from 0 to 4,294,967,295, without commas.',
    };
    for (const [label, text] of Object.entries(wrong)) {
      expect(await page.getByText(text).count()).toBe(1);
      const field = page.getByLabel(label);
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      const ids = (await field.getAttribute('aria-describedby'))!.split(' ');
      const described = await Promise.all(ids.map((id) => page.locator(`#${id}`).innerText()));
      expect(described.join(' ')).toContain(text);
    }
    expect(await page.getByLabel('Prompts, one per line').evaluate((field) => field.matches(':focus'))).toBe(
      true,
    );
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByLabel('Prompts, one per line').fill('a nurse');
    await page.getByRole('alert').filter({ hasText: 'Correct the 3 marked fields.' }).waitFor();
    expect(await page.getByText('Enter at least one prompt.').count()).toBe(0);
  });

  test('what the API refuses stands beside its field until the form is changed, and the button stays in sight', async () => {
    const json = {
      ...{ type: 'about:blank', title: 'Unprocessable', status: 422 },
      ...{ detail: 'Both.', errors: ['There is no such model.', 'No input of this name.'] },
      fields: ['models', 'input'],
    };
    const { page } = await open(
      { answers: { ...formAnswers('audit'), '/api/audits': { status: 422, json } } },
      '',
      { viewport: { width: 1280, height: 800 }, expected: /422/ },
    );
    // Browsers have it only where the origin is secure, which a pretended one is not.
    await page.addInitScript("crypto.randomUUID ??= () => 'a key'");
    await page.goto('/index.html');
    const start = page.getByRole('button', { name: 'Start the audit' });
    await page.getByLabel('Template with factors').check();
    // A long template is read as a whole, and is one line for the model.
    const template = page.getByLabel('Template', { exact: true });
    await template.fill(`a {job} ${'in a very long corridor '.repeat(12)}\nat night`);
    expect(await template.inputValue()).toMatch(/corridor at night$/);
    expect(await template.evaluate((field) => field.scrollHeight <= field.clientHeight)).toBe(true);
    await start.click();
    const values = page.getByLabel('job, one value per line');
    expect(await values.getAttribute('aria-invalid')).toBe('true');
    await values.fill('nurse');
    await page.getByText('Name, seed, inputs and cost').click();
    const input = page.getByLabel('Inputs for every model, as JSON');
    await input.fill('{"width": 1}');
    expect(await isInside(start)).toBe(true);
    await start.click();
    await page.getByRole('alert').filter({ hasText: 'Correct the 2 marked fields.' }).waitFor();
    expect(await page.locator('#models-problem').innerText()).toBe('There is no such model.');
    expect(await page.locator('#input-problem').innerText()).toBe('No input of this name.');
    expect(await page.getByText('Both.').count()).toBe(0);
    expect(await seriousProblems(page)).toEqual([]);
    // Emptied, the field stays where it is.
    await input.fill('');
    expect(await input.isVisible()).toBe(true);
    expect(await page.locator('.error').count()).toBe(0);
  });

  test('bullets and numbers of a list are said beside it, since models would get them, and are removed by one click', async () => {
    const { page } = await open({ answers: formAnswers('audit') });
    await page.goto('/index.html');
    const prompts = page.getByLabel('Prompts, one per line');
    await prompts.fill('• a doctor\n\n  • a nurse\na cook');
    await page.getByRole('status').getByText('Models would get the bullet, too: “⁨• a doctor⁩”.').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Remove bullets' }).click();
    expect(await prompts.inputValue()).toBe('a doctor\na nurse\na cook');
    expect(await prompts.evaluate((field) => field.matches(':focus'))).toBe(true);
    expect(await page.getByText('Models would get').count()).toBe(0);
    await page.getByLabel('Template with factors').check();
    await page.getByLabel('Template', { exact: true }).fill('a {job}');
    const values = page.getByLabel('job, one value per line');
    await values.fill('1. cook\n2. nurse');
    await page.getByRole('button', { name: 'Remove numbers' }).click();
    expect(await values.inputValue()).toBe('cook\nnurse');
  });

  test('a pasted address of a model at Replicate is that model', async () => {
    const { page } = await open({ answers: formAnswers('audit') });
    await page.goto('/index.html');
    const field = page.getByLabel('Another model on Replicate');
    await field.fill('https://replicate.com/black-forest-labs/flux-schnell/examples');
    await page.keyboard.press('Enter');
    await page.getByRole('checkbox', { name: 'black-forest-labs/flux-schnell', checked: true }).waitFor();
    await field.fill('https://example.com/flux');
    await page.keyboard.press('Enter');
    await page.getByText('or as its address at replicate.com').waitFor();
  });
});
