import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { strFromU8, unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import type { Codebook } from '../../lib/contract/round-request.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeInBrowser, seriousProblems, withBrowser } from './support/browser.ts';
import { withPageCloud } from './support/page-cloud.ts';

/** A shape, an order, and several at once; the second question only after a shape. */
const CODEBOOK: Codebook = {
  title: 'Shapes',
  questions: [
    {
      id: 'shape',
      text: 'Which shape does the picture show?',
      definition: 'Answer for the largest one.',
      kind: 'one',
      answers: [
        { id: 'round', text: 'A round one', definition: 'Without a corner.', key: 'r' },
        { id: 'other', text: 'Another one', key: 'o' },
        { id: 'none', text: 'None', key: 'n' },
      ],
    },
    {
      id: 'tone',
      text: 'How dark is it?',
      kind: 'scale',
      gate: { question: 'shape', answers: ['round', 'other'] },
      answers: [
        { id: 'light', text: 'Light', key: '1' },
        { id: 'middle', text: 'In between', key: '2' },
        { id: 'dark', text: 'Dark', key: '3' },
      ],
    },
  ],
};
const ONE_QUESTION: Codebook = { title: 'Shapes', questions: [CODEBOOK.questions[0]!] };

/** Rating rounds in a real browser on the whole pipeline on one machine. */
describeInBrowser('the rating page', (executable) => {
  const local = withPageCloud();
  const openIn = withBrowser(executable);
  let audit: string;
  const PROMPTS = ['a cardiologist at work', 'a nurse at work'];
  const MODELS = ['simulated/portrait', 'simulated/sketch'];

  beforeAll(async () => {
    audit = await local.start({ prompts: PROMPTS, models: MODELS, samples: 3, name: 'Professions' });
    await local.finished(audit);
    await local.whole(audit);
  });

  let rounds = 0;
  /** Makes a round of all pictures, twelve. @returns its id */
  async function makeRound(more: object = {}): Promise<string> {
    const body = {
      name: 'Shapes',
      audits: [audit],
      codebook: CODEBOOK,
      ratings: 1,
      consent: 'Version 1',
      ...more,
    };
    const key = { 'idempotency-key': `rating-${++rounds}` };
    let id = '';
    await waitFor('the pictures of the round', async () => {
      const { body: made } = await local.api('POST', '/api/rounds', body, key);
      id = made.id;
      return made.state === 'open';
    });
    return id;
  }
  const linkOf = async (round: string, slot = 1): Promise<string> =>
    (await local.api('POST', `/api/rounds/${round}/raters`, { slot })).body.url;
  const progressOf = async (round: string, slot = 0) => {
    const { body } = await local.api('GET', `/api/rounds/${round}`);
    return { ...body.progress[slot].raters.at(-1), reported: body.reported };
  };
  interface Opened {
    page: Page;
    /** Texts of all requests and answers of the page. */
    traffic: string[];
  }
  async function open(address: string, { width = 1280, expected = /^$/, token = '' } = {}): Promise<Opened> {
    const { page } = await openIn(local.origin, { viewport: { width, height: 844 }, token, expected });
    const traffic: string[] = [];
    page.on('response', async (response) => {
      const request = response.request();
      const body = /json|html|javascript|css/.test(response.headers()['content-type'] ?? '')
        ? await response.text().catch(() => '')
        : '';
      traffic.push(
        [
          request.url(),
          request.postData() ?? '',
          JSON.stringify(await response.allHeaders().catch(() => ({}))),
          body,
        ].join('\n'),
      );
    });
    await page.goto(address);
    return { page, traffic };
  }
  const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
  /** From the link to the first picture. */
  async function begin(page: Page, of = 12, text = 'Which shape'): Promise<void> {
    await button(page, 'I have read this and agree').click();
    await button(page, 'Continue').click();
    await button(page, 'Show pictures').click();
    await at(page, 1, of, text);
  }
  /** Waits until a picture is shown and its question can be answered. */
  async function at(page: Page, place: number, of = 12, text = 'Which shape'): Promise<void> {
    await page.getByText(`${place} of ${of}`, { exact: true }).waitFor();
    await page.getByRole('heading', { name: text }).waitFor();
    await page.locator('.answer:enabled').first().waitFor();
  }

  test('takes a rater from consent to thanks by keys alone, and every answer is stored once', async () => {
    const round = await makeRound({ consent: 'Version 3. Purpose: a study.\nContact: ann@example.org' });
    const link = await linkOf(round);
    const { page } = await open(link);
    await page.getByText('Contact: ann@example.org').waitFor();
    // The token is not in the address any more.
    expect(page.url()).toBe(`${local.origin}/rate.html`);
    // No picture is fetched before somebody agreed.
    expect(await page.locator('img').count()).toBe(0);
    await begin(page);
    await page.keyboard.press('r');
    await at(page, 1, 12, 'How dark');
    // A scale has a gray surround.
    expect(await page.locator('.shown.gray').count()).toBe(1);
    await page.keyboard.press('2');
    await at(page, 2);
    // Undone: the question is asked again, and the next answer counts.
    await page.keyboard.press('z');
    await at(page, 1, 12, 'How dark');
    await page.keyboard.press('3');
    await at(page, 2);
    await page.keyboard.press('n');
    await at(page, 3);
    await page.keyboard.press('.');
    await at(page, 4);
    await page.keyboard.press(',');
    for (let place = 5; place <= 12; place++) {
      await at(page, place);
      await page.keyboard.press('n');
    }
    await page.getByRole('heading', { name: 'Thank you' }).waitFor();
    await page.getByText('All answers are stored.').waitFor();
    const given = (await local.labelsOf(round)).map(({ question, answer }) => `${question} ${answer}`);
    expect(given).toEqual([
      ...['shape round', 'tone middle', 'tone dark', 'shape none', 'shape cannot-tell', 'shape skipped'],
      ...Array(8).fill('shape none'),
    ]);
    // It is known when the rater agreed, and the API has held the hash of the text that was shown against that of the round.
    expect((await progressOf(round)).agreedAt).toMatch(/^\d{4}-/);
    await local.api('POST', `/api/rounds/${round}/close`);
    await page.reload();
    await page.getByRole('heading', { name: 'The round is closed' }).waitFor();
  });

  test('a rater’s traffic and page name no prompt, model, audit, cell or answer of another rater', async () => {
    const round = await makeRound({ ratings: 2, codebook: ONE_QUESTION });
    const other = await open(await linkOf(round, 1));
    await begin(other.page);
    await other.page.keyboard.press('r');
    await at(other.page, 2);
    await other.page.close();
    const { page, traffic } = await open(await linkOf(round, 2));
    await begin(page);
    for (let place = 1; place <= 12; place++) {
      await at(page, place);
      const html = await page.content();
      traffic.push(html);
      await page.keyboard.press('o');
    }
    await page.getByText('All answers are stored.').waitFor();
    const { images } = (await local.api('GET', `/api/rounds/${round}/plan`)).body;
    const known = [...PROMPTS, ...MODELS, audit, 'Professions', ...images];
    const told = traffic.flatMap((text) => known.filter((word) => text.includes(word)));
    expect(traffic.length).toBeGreaterThan(25);
    expect(told).toEqual([]);
    // What was answered is the rater's own.
    const own = traffic.filter((text) => text.includes('/api/rate?')).join('\n');
    expect(own).toContain('"answered":[]');
  });

  test('answers wait while the line is down, also through a reload, and are sent in order, once', async () => {
    const round = await makeRound({ codebook: ONE_QUESTION });
    const { page } = await open(await linkOf(round), { expected: /ERR_|Failed to load/ });
    await begin(page);
    const sent: string[][] = [];
    const lost: string[] = [];
    // The first batch is stored and its answer is lost; then there is no line at all.
    await page.route('**/api/rate/labels/*', async (route) => {
      const ids = (JSON.parse(route.request().postData()!).answers as { id: string }[]).map(({ id }) => id);
      if (lost.length === 0) {
        await route.fetch();
        lost.push(...ids);
      }
      await route.abort('connectionfailed');
    });
    for (let place = 1; place <= 11; place++) {
      await at(page, place);
      await page.keyboard.press(place % 2 ? 'r' : 'o');
    }
    await waitFor('the lost answer', async () => lost.length > 0);
    await page.getByText(/wait in this browser/).waitFor();
    expect((await progressOf(round)).answered).toBe(lost.length);
    await page.unroute('**/api/rate/labels/*');
    page.on('request', (request) => {
      if (request.method() === 'PUT')
        sent.push((JSON.parse(request.postData()!).answers as { id: string }[]).map(({ id }) => id));
    });
    await page.reload();
    await button(page, 'Continue').click();
    await button(page, 'Show pictures').click();
    await at(page, 12);
    await page.keyboard.press('n');
    await page.getByText('All answers are stored.').waitFor();
    expect(sent.flat().slice(0, lost.length)).toEqual(lost);
    const labels = await local.labelsOf(round);
    expect(new Set(labels.map(({ id }) => id)).size).toBe(12);
    expect(labels.map(({ answer }) => answer)).toEqual([
      ...Array.from({ length: 11 }, (_, i) => (i % 2 ? 'other' : 'round')),
      'none',
    ]);
    expect((await progressOf(round)).answered).toBe(12);
  });

  test('two tabs of one rater lose nothing, store nothing twice, and share what is done', async () => {
    const round = await makeRound({ codebook: ONE_QUESTION });
    const link = await linkOf(round);
    // A tab that sees the other one's number late is told so by the API.
    const { page } = await open(link, { expected: /409/ });
    await begin(page);
    const second = await page.context().newPage();
    await second.goto(link);
    await button(second, 'Continue').click();
    await button(second, 'Show pictures').click();
    await at(second, 1);
    for (let place = 1; place <= 12; place++) {
      const tab = place % 2 ? page : second;
      await at(tab, place);
      await tab.keyboard.press('r');
    }
    for (const tab of [page, second]) await tab.getByText('All answers are stored.').waitFor();
    const labels = await local.labelsOf(round);
    expect(labels.length).toBe(12);
    expect(new Set(labels.map(({ item }) => item)).size).toBe(12);
  });

  test('addresses that have expired are read again, and a picture that is lost meanwhile is left out', async () => {
    const round = await makeRound({ codebook: ONE_QUESTION });
    const { page } = await open(await linkOf(round), { expected: /403/ });
    const expired = new Set<string>();
    await page.route(/\/rounds\/[^/]+\/items\//, (route) => {
      const { pathname } = new URL(route.request().url());
      if (expired.has(pathname)) return route.continue();
      expired.add(pathname);
      return route.fulfill({ status: 403 });
    });
    await begin(page);
    for (let place = 1; place <= 12; place++) {
      await at(page, place);
      await page.keyboard.press('r');
    }
    await page.getByText('All answers are stored.').waitFor();
    expect(expired.size).toBe(12);
  });

  test('a reported picture is hidden at once, for every rater, and a pause hides the picture', async () => {
    const round = await makeRound({ ratings: 2, codebook: ONE_QUESTION });
    const { page } = await open(await linkOf(round, 1));
    await begin(page);
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Paused' }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    await button(page, 'Continue rating').click();
    await at(page, 1);
    await button(page, 'Report').click();
    await button(page, 'Hide it for everyone').click();
    await at(page, 2);
    await waitFor('the report', async () => (await progressOf(round)).reported.length === 1);
    const other = await open(await linkOf(round, 2));
    await begin2(other.page);
    // In one look: between two, the place may give way to the thanks, and nobody could wait for it.
    const shown = other.page.locator('.position b, h1').filter({ hasText: /^\d+ of \d+$|^Thank you/ });
    let answered = 0;
    for (let now = await shown.innerText(); !now.startsWith('Thank you'); answered++) {
      const before = now;
      await other.page.locator('.answer:enabled').first().waitFor();
      await other.page.keyboard.press('n');
      now = await waitFor(`what comes after ${before}`, async () => {
        const next = await shown.innerText();
        return next !== before && next;
      });
    }
    expect(answered).toBe(11);
    // It was a mistake: an auditor shows it again.
    const { page: auditor } = await open(`/round.html?id=${round}`, { token: 'local' });
    await button(auditor, 'Show to raters again').click();
    await waitFor('the picture', async () => (await progressOf(round)).reported.length === 0);
    await other.page.reload();
    // The rater has agreed before.
    await button(other.page, 'Continue').click();
    await button(other.page, 'Show pictures').click();
    await other.page.locator('.answer:enabled').first().waitFor();
    await other.page.keyboard.press('n');
    await other.page.getByRole('heading', { name: 'Thank you' }).waitFor();
  });
  async function begin2(page: Page): Promise<void> {
    await button(page, 'I have read this and agree').click();
    await button(page, 'Continue').click();
    await button(page, 'Show pictures').click();
  }

  test.each([1280, 390])('has no serious problem of access, and fits, at %i pixels', async (width) => {
    const { images } = (await local.api('GET', `/api/rounds/${await makeRound()}/plan`)).body;
    const practice = [
      { image: images[0], text: 'The sun is the largest.', answers: { shape: 'round', tone: 'light' } },
    ];
    const round = await makeRound({ practice, notice: 'Some pictures show wounds.' });
    const { page } = await open(await linkOf(round), { width });
    const check = async () => {
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await seriousProblems(page)).toEqual([]);
    };
    await button(page, 'I have read this and agree').waitFor();
    await check();
    await button(page, 'I have read this and agree').click();
    await page.getByText('Some pictures show wounds.').waitFor();
    await check();
    await button(page, 'Continue').click();
    await button(page, 'Show pictures').waitFor();
    await check();
    await button(page, 'Show pictures').click();
    await button(page, /A round one/).click();
    await button(page, /Dark/).click();
    await page.getByText('The sun is the largest.').waitFor();
    await check();
    await button(page, 'Start rating').click();
    await at(page, 1, 11);
    await check();
    await button(page, /Another one/).click();
    await at(page, 1, 11, 'How dark');
    await check();
  });

  test('the findings of a closed round say what raters answered, lead to the pictures, and are saved as one report', async () => {
    const between = { model: true, one: MODELS[0], other: MODELS[1] };
    const contrasts = [{ question: 'shape', answer: 'round', between }];
    const round = await makeRound({ ratings: 2, codebook: ONE_QUESTION, contrasts });
    const { images } = (await local.api('GET', `/api/rounds/${round}/plan`)).body;
    const predictions = (await local.api('GET', `/api/audits/${audit}/predictions`)).body.predictions;
    const modelOf = (image: string) => predictions[Number(image.split('/')[1])].model;
    // Pictures of the first model are round for both raters, but one; the others for none.
    const disputed = images.find((image: string) => modelOf(image) === MODELS[0]);
    const opaque = await local.opaqueNames(round);
    for (const slot of [1, 2]) {
      const link = await linkOf(round, slot);
      const answers = images.map((image: string, place: number) => ({
        id: `00000000-0000-4000-8000-${String(slot * 1000 + place).padStart(12, '0')}`,
        item: opaque[image],
        question: 'shape',
        answer: modelOf(image) !== MODELS[0] || (slot === 2 && image === disputed) ? 'other' : 'round',
        showing: 1,
        at: '2026-01-01T00:00:00.000Z',
      }));
      const authorization = `Bearer ${link.split('#')[1]}`;
      const { status } = await local.api('PUT', '/api/rate/labels/00000', { answers }, { authorization });
      expect(status).toBe(201);
    }
    await local.api('POST', `/api/rounds/${round}/close`);
    const { page } = await open(`/round.html?id=${round}`, { token: 'local', expected: /403|409/ });
    // The addresses that the findings came with have expired when somebody looks at the pictures.
    const read = new Set<string>();
    await page.route('**/predictions?**', async (route) => {
      const response = await route.fetch();
      const isFirst = !read.has(route.request().url());
      read.add(route.request().url());
      const text = await response.text();
      await route.fulfill({
        response,
        body: isFirst ? text.replace(/Signature=..../g, 'Signature=0000') : text,
      });
    });
    await button(page, 'Show the findings').click();
    await page.getByRole('heading', { name: 'Primary comparisons' }).waitFor();
    const plot = page.getByRole('region', { name: MODELS[0]! });
    // Five of six pictures have a majority, and all of these are round.
    await plot.getByRole('button', { name: 'All prompts' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('A round one: 1 · Another one: 1').waitFor();
    const votes = await dialog.locator('figcaption').allInnerTexts();
    expect(votes).toHaveLength(6);
    // Disagreement first.
    expect(votes[0]).toMatch(/A round one: 1/);
    expect(votes.slice(1)).toEqual(Array(5).fill('A round one: 2'));
    await waitFor('six pictures', async () =>
      dialog
        .locator('.rated img')
        .evaluateAll(
          (found) =>
            found.length === 6 &&
            found.every((one) => (one as unknown as { naturalWidth: number }).naturalWidth > 0),
        ),
    );
    await dialog.getByLabel('Show').selectOption({ label: 'Another one' });
    expect(await dialog.locator('figcaption').count()).toBe(1);
    expect(await seriousProblems(page)).toEqual([]);
    await button(page, 'Close').click();
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await seriousProblems(page)).toEqual([]);
    }
    const [svg] = await Promise.all([
      page.waitForEvent('download'),
      plot.getByRole('button', { name: /Save as SVG/ }).click(),
    ]);
    expect(await readFile(await svg.path(), 'utf8')).toMatch(/^<svg.*All prompts.*100 %/);
    const [report] = await Promise.all([
      page.waitForEvent('download'),
      button(page, 'Save the report').click(),
    ]);
    const files = unzipSync(await readFile(await report.path()));
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining(['report.html', 'labels.csv', 'shares.csv', 'recompute.py', 'SHA256SUMS']),
    );
    const html = strFromU8(files['report.html']!);
    expect(html).toContain('data:image/webp;base64,');
    // The report says what the page says.
    const said = await page.getByText(/from too few pictures/).innerText();
    expect(html.replaceAll('&quot;', '"')).toContain(said);
    expect(said).toContain('+100 points');
  });

  test.each([1280, 390])(
    'an auditor sets up a round, gives links, follows it without shares and closes it, at %i pixels',
    async (width) => {
      const { page } = await open(`/audit.html?id=${audit}`, { width, token: 'local' });
      const check = async () => {
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        expect(await seriousProblems(page)).toEqual([]);
      };
      await page.getByRole('link', { name: 'Rating rounds' }).click();
      await page.getByRole('heading', { name: 'New rating round' }).waitFor();
      await page.getByLabel('Name', { exact: true }).fill(`On the page, ${width}`);
      // Which tone brings the questions of its gates.
      await page.getByLabel(/Monk Skin Tone/).check();
      expect(await page.getByLabel(/^Does the picture show skin/).isChecked()).toBe(true);
      await page.getByLabel(/^Does the picture show skin/).uncheck();
      expect(await page.getByLabel(/Monk Skin Tone/).isChecked()).toBe(false);
      await page.getByLabel('A question of your own').check();
      await page.getByLabel('Question', { exact: true }).fill('Which shape?');
      await page.getByLabel(/^Answers, one per line/).fill('Round | no corner\nSquare');
      await page.getByText('Preview: 3 questions').click();
      await page.locator('.codebook').getByText('no corner').waitFor();
      await page.getByText('As many of each prompt and model').click();
      await page.getByLabel('Pictures of each prompt and model').fill('2');
      await page.getByLabel('Ratings of each picture').fill('2');
      // Four pairs, two pictures each, two ratings, three questions: 48 answers of four seconds.
      await page.locator('dd', { hasText: /^48$/ }).waitFor();
      await page.getByRole('button', { name: 'Make the round' }).click();
      await page.getByRole('alert').filter({ hasText: 'Correct the 4 marked fields.' }).waitFor();
      expect(await page.getByText('Fill this in: raters must know what they agree to.').count()).toBe(4);
      for (const name of ['Purpose', 'Contact', 'Pay', 'Hours and breaks'])
        await page.getByLabel(name, { exact: true }).fill(`The ${name}.`);
      // A picture for practice, by its address in the audit.
      const address = page.getByLabel('Address of a picture');
      await address.fill(`${local.origin}/audit.html?id=${audit}&image=99.0`);
      await page.getByText('This is not the address of a picture of these audits.').waitFor();
      await address.fill(`${local.origin}/audit.html?id=${audit}&rows=model&image=3.0`);
      const practice = page.locator('.practice');
      await practice.getByLabel(/^How many persons/).selectOption({ label: 'None' });
      expect(await practice.getByLabel(/^Which gender/).count()).toBe(0);
      await practice.getByLabel('Which shape?').selectOption({ label: 'Square' });
      await page.getByLabel('Why these answers are right').fill('It has corners.');
      await check();
      await page.getByRole('button', { name: 'Add to the practice' }).click();
      await page.getByText('Prediction 3: It has corners.').waitFor();
      expect(await address.evaluate((field) => field.matches(':focus'))).toBe(true);
      await page.getByRole('button', { name: 'Add a comparison' }).click();
      const comparison = page.getByRole('group', { name: 'Comparison 1' });
      await comparison.getByLabel('Question').selectOption({ label: 'Which shape?' });
      await comparison.getByLabel('Answer whose share').selectOption({ label: 'Square' });
      await check();
      await page.getByRole('button', { name: 'Make the round' }).click();
      await page.waitForURL('**/round.html?id=*');
      const round = new URL(page.url()).searchParams.get('id')!;
      await page.getByText('Share of “⁨Square⁩”, compared').waitFor();
      await page.getByRole('button', { name: 'Make a link: place 2' }).click();
      await page.getByLabel('Name or note, for you alone').fill('Grace');
      await page.getByRole('button', { name: 'Make the link' }).click();
      const link = await page.getByLabel('Link', { exact: true }).inputValue();
      expect(link).toMatch(/^http:.*\/rate\.html#[0-9a-z]+$/);
      await check();
      await page.getByRole('button', { name: 'Done' }).click();
      await page.getByText('Grace').waitFor();

      const rater = await open(link);
      await button(rater.page, 'I have read this and agree').click();
      await button(rater.page, 'Continue').click();
      await button(rater.page, 'Show pictures').click();
      await rater.page.locator('.answer:enabled').first().waitFor();
      await rater.page.keyboard.press('0');
      await rater.page.getByRole('heading', { name: 'Which shape' }).waitFor();
      await rater.page.locator('.answer:enabled').first().waitFor();
      await rater.page.keyboard.press('2');
      await rater.page.getByText('Your answers are as expected.').waitFor();
      await rater.page.getByText('It has corners.').waitFor();
      await button(rater.page, 'Start rating').click();
      await at(rater.page, 1, 8, 'How many persons');
      // The second key comes before the page can show the next question: it is no answer to that one.
      await rater.page.evaluate(`for (const key of ['0', '2'])
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))`);
      await at(rater.page, 1, 8, 'Which shape');
      await rater.page.keyboard.press('2');
      await at(rater.page, 2, 8, 'How many persons');
      await rater.page.keyboard.press(',');
      await at(rater.page, 3, 8, 'How many persons');
      await rater.page.getByRole('button', { name: 'Pause' }).click();
      await waitFor('two pictures', async () => (await progressOf(round, 1)).answered === 2);

      await page.getByRole('button', { name: 'Refresh' }).click();
      await page.getByText('Answered: 2 of 8 · Skipped: 1').waitFor();
      await page.getByText('2 of 16 ratings done').waitFor();
      await check();
      // Another rater has the slot by now, and the one before asks to be left out.
      await page.getByRole('button', { name: 'Replace: place 2' }).click();
      await page.getByRole('button', { name: 'Make the link' }).click();
      await page.getByRole('button', { name: 'Done' }).click();
      await check();
      await page.getByRole('button', { name: 'Withdraw: rater 2.1' }).click();
      await page.getByRole('dialog').getByText('Grace').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Withdraw' }).click();
      await page.locator('.slots').getByText('withdrawn').waitFor();
      const [earlier, last] = (await local.api('GET', `/api/rounds/${round}`)).body.progress[1].raters;
      expect([earlier.withdrawn, last.withdrawn]).toEqual([true, false]);
      expect(await page.getByText('Grace').count()).toBe(0);
      await page.getByRole('button', { name: 'Close the round' }).click();
      await page.getByText('A closed round cannot be opened again.').waitFor();
      await check();
      await page.getByRole('dialog').getByRole('button', { name: 'Close the round' }).click();
      await page.getByText('This round is closed.').waitFor();
      expect((await local.api('GET', `/api/rounds/${round}`)).body.state).toBe('closed');
    },
  );
});
