import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { ApiClient } from '../../cli/api-client.ts';
import { apiSettings, cloudSettings } from '../../cli/configuration.ts';
import { type DesignBody, designKey, readDesign } from '../../cli/design.ts';
import { downloadAudit } from '../../cli/download/download.ts';
import { metadataLines } from '../../cli/download/image-folder.ts';
import { describeDryRun, dryRun, quoted } from '../../cli/dry-run.ts';
import { describeLetter } from '../../cli/operator/dead-letters.ts';
import { retentionDays } from '../../cli/operator/inspect.ts';
import { parsePurgeTarget } from '../../cli/operator/purged.ts';
import { rotate } from '../../cli/operator/secrets.ts';
import { type ImageFinding, isOk } from '../../cli/operator/verify.ts';
import { oneLine, size } from '../../cli/output.ts';
import { createProgram } from '../../cli/program.ts';
import { createProgress } from '../../cli/progress.ts';
import { placeOf, resultsTable, sumUp } from '../../cli/results.ts';
import { describeCost, describeImages } from '../../cli/watch.ts';
import type { S3Store } from '../../lib/aws/objects.ts';
import type { Budget, Prediction } from '../../lib/contract/answers.ts';
import { entryOf } from '../../lib/download/entries.ts';
import { galleryPage } from '../../lib/download/gallery.ts';
import { fileName } from '../../lib/image-file.ts';
import { canonicalJson } from '../../lib/json.ts';

/** The command line without a server. */

const folder = mkdtempSync(path.join(tmpdir(), 'weaudit-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const AUDIT = '7ychs9v1bzsamp1e0000000001';
const HOME = { HOME: folder };

describe('designs', () => {
  test('equal designs have the same key, however they are written', () => {
    const design: DesignBody = {
      prompts: ['a', 'b'],
      models: [{ model: 'x/y', input: { p: 1, q: 2 } }],
      samples: 2,
    };
    const same = { samples: 2, models: [{ input: { q: 2, p: 1 }, model: 'x/y' }], prompts: ['a', 'b'] };
    expect(designKey(same)).toBe(designKey(design));
    expect(designKey({ ...design, prompts: ['b', 'a'] })).not.toBe(designKey(design));
    expect(designKey(design, 'again')).not.toBe(designKey(design));
  });

  test('sorting the members of any JSON keeps its meaning', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const meaning = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(canonicalJson(meaning))).toEqual(meaning);
      }),
    );
  });

  test('columns that change places make no other design, and are sent in the order of the file', async () => {
    const read = async (name: string, content: string) => {
      writeFileSync(path.join(folder, name), content);
      return (await readDesign(path.join(folder, name), { model: ['a/b'], compare: ['sex'] })).design;
    };
    const one = await read('one.csv', 'prompt,sex,job\na nurse,f,nurse\n');
    const other = await read('other.csv', 'job,prompt,sex\nnurse,a nurse,f\n');
    expect(JSON.stringify(one.prompts)).toBe('[{"text":"a nurse","factors":{"sex":"f","job":"nurse"}}]');
    expect(one.compare).toEqual(['sex']);
    expect(designKey(other)).toBe(designKey(one));
  });

  test('the columns of a table are factors of a template, and its models are those of all prompts', async () => {
    const file = path.join(folder, 'factors.csv');
    writeFileSync(file, 'size,animal,model\nsmall,cat,x/y\nlarge,cat,x/z\n');
    expect((await readDesign(file, { template: 'a {size} {animal}' })).design).toEqual({
      template: 'a {size} {animal}',
      factors: { size: ['small', 'large'], animal: ['cat'] },
      models: ['x/y', 'x/z'],
      samples: 1,
    });
    await expect(readDesign(file, {})).rejects.toThrow(/no column "prompt".*template/);
    writeFileSync(file, 'prompt,animal\na cat,cat\n');
    await expect(readDesign(file, { template: 'a {animal}' })).rejects.toThrow(/"prompt".*Omit one/);
  });

  test('a model that is passed replaces those of the rows, a prompt those of the file, and both are said', async () => {
    const file = path.join(folder, 'pairs.csv');
    writeFileSync(file, 'prompt,group,model\na,f,x/y\nb,,x/z\n');
    const replaced = await readDesign(file, { model: ['x/w'] });
    expect(replaced.design).toEqual({
      prompts: [{ text: 'a', factors: { group: 'f' } }, 'b'],
      models: ['x/w'],
      samples: 1,
    });
    expect(replaced.notes).toContain('--model replaces the models that rows name (2).');
    expect((await readDesign(file, { prompt: ['c'], model: ['x/w'] })).notes).toContain(
      "--prompt replaces the file's prompts (2).",
    );
    writeFileSync(file, 'prompt,model\na,x/y\nb,\n');
    await expect(readDesign(file, {})).rejects.toThrow(/No model given.*column "model"/);
  });

  test('flags win over the file, and factors of flags and file are merged', async () => {
    const file = path.join(folder, 'design.json');
    writeFileSync(
      file,
      JSON.stringify({
        template: '{a} {b}',
        factors: { a: ['1'] },
        models: ['x/y'],
        samples: 3,
        name: 'from the file',
      }),
    );
    expect((await readDesign(file, { factor: { b: ['2'] }, samples: 1, model: ['x/z'] })).design).toEqual({
      template: '{a} {b}',
      factors: { a: ['1'], b: ['2'] },
      models: ['x/z'],
      samples: 1,
      name: 'from the file',
    });
    expect((await readDesign(file, { prompt: ['just this'] })).design).toEqual({
      prompts: ['just this'],
      models: ['x/y'],
      samples: 3,
      name: 'from the file',
    });
    await expect(readDesign(undefined, { prompt: ['a'] })).rejects.toThrow(/No model given.*--model/);
  });
});

describe('configuration', () => {
  test('the default is the local cloud; any other address needs a token and TLS', () => {
    expect(apiSettings({}, HOME)).toEqual({ url: 'http://localhost:3000', token: 'local' });
    expect(apiSettings({ url: 'https://audits.example.org/' }, { ...HOME, WEAUDIT_TOKEN: 't' })).toEqual({
      url: 'https://audits.example.org',
      token: 't',
    });
    expect(() => apiSettings({ url: 'https://audits.example.org' }, HOME)).toThrow(/token/);
    expect(() => apiSettings({ url: 'http://audits.example.org', token: 't' }, HOME)).toThrow(
      /not encrypted/,
    );
    expect(() => apiSettings({ url: 'ftp://x' }, HOME)).toThrow(/not an address/);
    const file = path.join(folder, 'typo.json');
    writeFileSync(file, '{"adress":"x"}');
    expect(() => apiSettings({ config: file }, HOME)).toThrow(/adress/);
    expect(() => apiSettings({ config: '/nowhere.json' }, HOME)).toThrow(/cannot be read/);
  });

  test('an operator has to choose a deployment', () => {
    expect(() => cloudSettings({}, HOME)).toThrow(/--stage/);
    expect(() => cloudSettings({ stage: 'Prod!' }, HOME)).toThrow(/not a valid stage/);
    expect(cloudSettings({ stage: 'prod' }, { ...HOME, AWS_REGION: 'eu-west-1' })).toEqual({
      local: false,
      stage: 'prod',
      region: 'eu-west-1',
      endpoint: undefined,
    });
    expect(cloudSettings({ local: true }, { ...HOME, AWS_REGION: 'eu-west-1' })).toEqual({
      local: true,
      stage: 'local',
      region: 'eu-central-1',
      endpoint: 'http://127.0.0.1:4566',
    });
  });
});

describe('the API client', () => {
  const answering = (answers: (Response | Error)[]) => {
    const asked: string[] = [];
    const fetcher = (async (url: string, { method }: RequestInit) => {
      asked.push(`${method} ${url}`);
      const answer = answers.shift() ?? new Response('{}');
      if (answer instanceof Error) throw answer;
      return answer;
    }) as unknown as typeof fetch;
    return { client: new ApiClient({ url: 'http://x', token: 't' }, fetcher), asked };
  };

  test('retries temporary errors, and stops as soon as a request succeeds', async () => {
    const { client, asked } = answering([
      new TypeError('fetch failed'),
      new Response('', { status: 503, headers: { 'retry-after': '0' } }),
      new Response('{"id":"a","predictions":1}', { status: 202 }),
    ]);
    expect(await client.createAudit({}, 'key')).toEqual({ id: 'a', predictions: 1 });
    expect(asked).toHaveLength(3);
  });

  test("shows the server's words for a refusal, and does not retry it", async () => {
    const { client, asked } = answering([
      new Response('{"detail":"Please change: \\"samples\\" must be at least 1."}', { status: 422 }),
    ]);
    await expect(client.createAudit({}, 'key')).rejects.toMatchObject({
      status: 3,
      message: expect.stringContaining('at least 1'),
    });
    expect(asked).toHaveLength(1);
  });

  test("shows API Gateway's words where it refuses before the API is asked", async () => {
    const { client } = answering([Response.json({ message: 'Request Entity Too Large' }, { status: 413 })]);
    await expect(client.createAudit({}, 'key')).rejects.toMatchObject({
      status: 3,
      message: 'API Gateway answered 413: Request Entity Too Large.',
    });
  });

  test('reports a wrong address when something else than the API answers', async () => {
    const { client } = answering([new Response('<html>')]);
    await expect(client.status('a')).rejects.toMatchObject({
      status: 4,
      message: expect.stringContaining('address'),
    });
  });
});

describe('output', () => {
  test('texts from outside cannot control the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it matches control characters on purpose
        expect(oneLine(text, 40)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(Array.from(oneLine(text, 40)).length).toBeLessThanOrEqual(40);
      }),
      { numRuns: 50 },
    );
    expect(oneLine('\u001b[2Jgone\nnext')).toBe('\ufffd[2Jgone next');
  });

  test('sizes are in powers of 1,000', () => {
    expect([0, 999, 1_000, 1_234_567].map(size)).toEqual(['0 bytes', '999 bytes', '1.0 kB', '1.2 MB']);
  });

  test('a pipe gets a line for each tenth, and nothing with --json', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.WriteStream;
    const row = createProgress({ json: false, stream }).row('finished', 1_000);
    for (let done = 0; done <= 1_000; done++) row.update(done);
    const lines = String((stream as unknown as PassThrough).read())
      .trim()
      .split('\n');
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe('finished: 1000/1000');
    createProgress({ json: true, stream }).row('finished', 1).update(1);
    expect((stream as unknown as PassThrough).read()).toBeNull();
  });

  test('images are counted under their names, and those that are no pictures only if there are any', () => {
    const none = { ok: 1, blank: 0, quarantined: 0, lost: 0, filtered: 0 };
    expect(describeImages(none)).toBe('1 image');
    expect(describeImages({ ok: 72, blank: 3, quarantined: 2, lost: 1, filtered: 4 })).toBe(
      '72 images (besides 3 blank, 2 quarantined, 1 lost, 4 filtered)',
    );
  });

  test('a summary never counts a blank image as a picture, and says if a model returns one file again and again', async () => {
    const image = (sha256: string, more = {}) => ({
      index: 0,
      status: 'ok' as const,
      sha256,
      bytes: 5,
      ...more,
    });
    const cell = (sample: number, more: Partial<Prediction>): Prediction => ({
      ...{ n: sample, prompt: 'a nurse', model: 'x/y', version: 'v', sample, seed: 5, seedSource: 'sent' },
      ...{ status: 'succeeded', images: [] },
      ...more,
    });
    const results = await sumUp(
      (async function* () {
        yield cell(0, { images: [image('a')] });
        yield cell(1, { images: [image('a')] });
        yield cell(2, { images: [image('b', { blank: true }), { index: 1, status: 'lost', error: 'gone' }] });
        yield cell(3, { status: 'refused', filtered: 2 });
      })(),
    );
    expect(results.images).toMatchObject({ ok: 2, blank: 1, quarantined: 0, lost: 1, filtered: 2 });
    expect(resultsTable(results)).toMatch(/a nurse +3 succeeded, 1 refused; 2 of 2 are the same file/);
  });

  test('the folder of images is read from the address of one, in path style and virtual-hosted style', () => {
    const key = `images/${AUDIT}/00000/0`;
    const place = `s3://bucket/images/${AUDIT}/`;
    expect(placeOf(`http://127.0.0.1:4566/bucket/${key}?X-Amz-Signature=1`, key)).toBe(place);
    expect(placeOf(`https://bucket.s3.eu-central-1.amazonaws.com/${key}?X-Amz-Signature=1`, key)).toBe(place);
  });
});

describe('downloads', () => {
  const prediction = (more: Partial<Prediction>): Prediction => ({
    ...{
      n: 7,
      prompt: '<script>alert(1)</script> & "x"',
      model: 'x/y',
      version: 'v',
      sample: 0,
      seed: 5,
      seedSource: 'sent',
    },
    status: 'succeeded',
    images: [
      {
        index: 0,
        status: 'ok',
        key: 'k',
        url: 'http://x',
        sha256: 'ab',
        bytes: 1,
        contentType: 'image/jpeg',
        width: 2,
        height: 3,
      },
    ],
    ...more,
  });

  test('files are named by cell, output and content type', () => {
    expect(fileName(17, 0, 'image/jpeg')).toBe('00017-0.jpg');
    expect(fileName(17, 2, 'text/html')).toBe('00017-2.bin');
  });

  test('the page escapes prompts, and says why an image is missing', () => {
    const entries = [
      prediction({}),
      prediction({ n: 8, status: 'refused', error: 'flagged <b>', images: [] }),
    ].map((one) => entryOf(one, 'images'));
    const status = {
      ...{
        id: AUDIT,
        name: '</title><script>',
        createdAt: '2026-01-05T09:00:00Z',
        createdBy: 'me',
        retention: 'short' as const,
        predictions: 2,
      },
      ...{ state: 'finished' as const, manifest: true },
      counts: { waiting: 0, running: 0, succeeded: 1, failed: 0, refused: 1, canceled: 0 },
    };
    const page = [...galleryPage(status, entries, [])].join('');
    expect(page).not.toMatch(/<script|flagged <b>/);
    expect(page).toContain('refused: flagged &lt;b&gt;');
    expect(page.match(/<tr>/g)).toHaveLength(2);
  });

  test('the page shows renditions that open the images, blank ones as refusals, and counts per cell', () => {
    const [image] = prediction({}).images;
    const rendition = { ...image!, rendition: 'http://y' };
    const { url: _, ...unseen } = image!;
    const entries = [
      prediction({ n: 0, images: [rendition] }),
      prediction({ n: 1, images: [rendition] }),
      prediction({ n: 2, asked: 1, returned: 1, filtered: 1, images: [{ ...rendition, blank: true }] }),
      prediction({ n: 3, asked: 2, returned: 1, filtered: 1, images: [{ ...image!, sha256: 'cd' }] }),
      prediction({ n: 4, images: [{ ...unseen, status: 'quarantined', reason: 'not an image: HTML' }] }),
      prediction({ n: 5, status: 'refused', images: [] }),
    ].map((one) => entryOf(one, 'images', 'thumbnails'));
    const status = {
      ...{ id: AUDIT, name: 'n', createdAt: '2026-01-01', createdBy: 'b', retention: 'keep' as const },
      ...{ predictions: 6, state: 'finished' as const, manifest: true },
      counts: { waiting: 0, running: 0, succeeded: 5, failed: 0, refused: 1, canceled: 0 },
    };
    const page = [...galleryPage(status, entries, [])].join('');
    expect(
      [...page.matchAll(/<a href="([^"]+)"><img[^>]* src="([^"]+)"/g)].map(([, ...found]) => found),
    ).toEqual([
      ['images/00000-0.jpg', 'thumbnails/00000-0.webp'],
      ['images/00001-0.jpg', 'thumbnails/00001-0.webp'],
      ['images/00003-0.jpg', 'images/00003-0.jpg'],
    ]);
    expect(page).toContain('<a class="none blank" href="images/00002-0.jpg">blank</a>');
    expect(page.match(/dropped by the model&#39;s filter/g)).toHaveLength(1);
    expect(page).toContain('<div class="none">not an image: HTML</div>');
    expect(page).toContain('(6 predictions); images: 1 blank, 1 quarantined, 2 filtered.');
    expect(page).toContain(
      '<p class="counts">1 of 6 refused; images: 1 blank, 1 quarantined, 2 filtered; 2 of 3 are the same file: the seed made no difference between them</p>',
    );
  });

  test.each([403, 404])(
    'a rendition that S3 answers with %i fails nothing: the page shows the image itself',
    async (refusal) => {
      const fetching = jest
        .spyOn(globalThis, 'fetch')
        .mockImplementation(
          async (address) =>
            new Response('bytes', { status: String(address).endsWith('/missing') ? refusal : 200 }),
        );
      const url = 'http://bucket';
      const sha256 = createHash('sha256').update('bytes').digest('hex');
      const image = { ...prediction({}).images[0]!, url, bytes: 5, sha256 };
      const client = {
        status: async () => ({
          ...{ id: AUDIT, name: 'n', createdAt: '2026-01-01', createdBy: 'b', predictions: 1 },
          counts: { waiting: 0, running: 0, succeeded: 1, failed: 0, refused: 0, canceled: 0 },
        }),
        page: async () => ({
          predictions: [
            prediction({
              images: [
                { ...image, rendition: `${url}/missing` },
                { ...image, index: 1, rendition: `${url}/small` },
              ],
            }),
          ],
        }),
        manifestUrl: async () => url,
        rounds: async function* () {},
      } as unknown as ApiClient;
      const into = path.join(folder, `answers-${refusal}`);
      const row = { row: () => ({ update() {} }), stop() {} };
      const options = { format: 'gallery', parallel: 2, wait: false } as const;
      const done = await downloadAudit(client, AUDIT, into, options, row).finally(() =>
        fetching.mockRestore(),
      );
      expect(done).toMatchObject({ failed: [], fetched: 2, withoutThumbnail: 1 });
      const page = readFileSync(path.join(into, 'index.html'), 'utf8');
      expect([...page.matchAll(/<img[^>]* src="([^"]+)"/g)].map(([, source]) => source)).toEqual([
        'images/00007-0.jpg',
        'thumbnails/00007-1.webp',
      ]);
    },
  );

  test('metadata has one line for each image, with what was seen in it, what its cell lacks, and a column for every factor', () => {
    const { images } = prediction({});
    const entries = [
      entryOf(
        prediction({
          ...{ factors: { job: 'cook' }, asked: 4, returned: 2, filtered: 2 },
          images: [
            { ...images[0]!, blank: true, c2pa: false },
            { index: 1, status: 'lost', error: 'gone' },
          ],
        }),
        'train',
      ),
      entryOf(prediction({ images: [{ index: 0, status: 'quarantined' }] }), 'train'),
    ];
    expect([...metadataLines(entries, ['job'])].map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({
        ...{ file_name: '00007-0.jpg', factor_job: 'cook', width: 2, seed: 5 },
        ...{ blank: true, c2pa: false, alpha: null },
        ...{ asked: 4, returned: 2, filtered: 2, quarantined: 0, lost: 1 },
      }),
    ]);
  });
});

describe('operators', () => {
  test('a purge takes the id of an audit, a key, or an address in S3, and nothing else', () => {
    const image = { audit: AUDIT, image: '00017/0' };
    expect(parsePurgeTarget(AUDIT)).toEqual({ audit: AUDIT });
    expect(parsePurgeTarget(`images/${AUDIT}/00017/0`)).toEqual(image);
    expect(parsePurgeTarget(`s3://bucket/images/${AUDIT}/00017/0`)).toEqual(image);
    for (const wrong of [
      '',
      'images/',
      `images/${AUDIT}/`,
      `images/${AUDIT}/17/0`,
      `audits/${AUDIT}/audit.json`,
      '../x',
    ])
      expect(parsePurgeTarget(wrong)).toBeUndefined();
  });

  test('purged and expired images are not damage; a quarantined image needs an intact copy', () => {
    const finding = (bucket: string, backup: string) =>
      isOk({ key: 'k', sha256: 's', bytes: 1, bucket, backup } as ImageFinding);
    const fine = [
      ['intact', 'intact'],
      ['purged', 'purged'],
      ['expired', 'intact'],
      ['expired', 'expired'],
      ['quarantined', 'intact'],
    ];
    const broken = [
      ['damaged', 'intact'],
      ['intact', 'missing'],
      ['missing', 'expired'],
      ['quarantined', 'missing'],
      ['intact', 'damaged'],
    ];
    expect(fine.map(([bucket, backup]) => finding(bucket!, backup!))).toEqual(fine.map(() => true));
    expect(broken.map(([bucket, backup]) => finding(bucket!, backup!))).toEqual(broken.map(() => false));
  });

  test("the bucket's lifecycle rules decide what has expired; without a rule nothing has", async () => {
    const store = (answer: () => unknown) =>
      ({ bucket: 'b', client: { send: async () => answer() } }) as unknown as S3Store;
    const rule = (value: string, Days: number, Status = 'Enabled') => ({
      Status,
      Filter: { Tag: { Key: 'retention', Value: value } },
      Expiration: { Days },
    });
    const Rules = [
      { Status: 'Enabled', Expiration: { Days: 1 } },
      rule('short', 2, 'Disabled'),
      rule('short', 30),
    ];
    expect(
      await retentionDays(
        store(() => ({ Rules })),
        'short',
      ),
    ).toBe(30);
    expect(
      await retentionDays(
        store(() => ({ Rules })),
        'keep',
      ),
    ).toBeUndefined();
    const refusing = store(() => {
      throw new Error('AccessDenied');
    });
    expect(await retentionDays(refusing, 'short')).toBeUndefined();
  });

  test('a dead letter that is not JSON is listed, but never sent back', () => {
    const letter = describeLetter('tag', { MessageId: 'm', Body: '{', ReceiptHandle: 'r' });
    expect(letter).toMatchObject({
      about: 'not an event of S3',
      reason: 'no reason given',
      payload: undefined,
    });
  });

  test('a rotation keeps the previous webhook secret, and no older one', () => {
    expect(rotate([], 'a')).toEqual(['a']);
    expect(rotate(['a'], 'a')).toEqual(['a']);
    expect(rotate(['b', 'a'], 'c')).toEqual(['c', 'b']);
    expect(rotate(['b', 'a'], 'a')).toEqual(['a', 'b']);
  });
});

test('the status of an audit says what it has cost, unless that is nothing', () => {
  expect(describeCost({ spent: 0.3, reserved: 0.9 })).toEqual([
    'cost: $0.30 spent, $0.90 reserved for open predictions',
  ]);
  expect(describeCost({ spent: 0.003, reserved: 0 })).toEqual(['cost: $0.003 spent']);
  expect([describeCost({ spent: 0, reserved: 0 }), describeCost()]).toEqual([[], []]);
});

describe('a dry run', () => {
  const prices = { 'a/image': { perImage: 0.04 }, 'a/second': { perSecond: 0.001, seconds: 60 } };
  const month = { month: '2026-11', turnsAt: '2026-12-01T00:00:00.000Z', reserved: 0, spent: 0 };
  const budget = (left: number | null): Budget => ({
    ...{ ...month, monthly: left === null ? null : 100, left, prices, pricesAsOf: '2026-11-26' },
  });
  const design = (models: DesignBody['models'], more: DesignBody = {}): DesignBody => ({
    ...{ template: 'a {size} cat', factors: { size: ['small', 'large'] }, models: models!, samples: 5 },
    ...more,
  });

  test('multiplies prices by what is asked, with images of each prediction and the bound in seconds', () => {
    const models = [{ model: 'a/image', input: { num_outputs: 2 } }, 'a/second', 'simulated/flash'];
    const found = dryRun(design(models), budget(10));
    expect(found).toMatchObject({ predictions: 30, most: 1.55, left: 10, refusal: null });
    expect(found.models.map(({ most }) => most)).toEqual([0.8, 0.75, 0]);
    expect(describeDryRun(found)).toMatch(
      /2 prompts × 3 models × 5 samples = 30 predictions[\s\S]*together +30 +\$1.55[\s\S]*\$10.00 of \$100.00/,
    );
  });

  test('says why a design would be refused, and what to change', () => {
    const refusal = (body: DesignBody, left: number | null) => dryRun(body, budget(left)).refusal;
    expect(refusal(design(['a/image']), 0.39)).toMatch(/\$0.40, and \$0.39 .* left.*2026-12-01/);
    expect(refusal(design(['a/image']), 0.4)).toBeNull();
    expect(refusal(design(['simulated/flash']), 0)).toBeNull();
    expect(refusal(design(['a/other']), 1)).toMatch(/"a\/other".*"maxCost": 5/);
    expect(refusal(design(['a/other'], { maxCost: 1 }), 1)).toBeNull();
    expect(refusal(design(['a/other'], { maxCost: 2 }), 1)).toMatch(/\$2.00, and \$1.00/);
    expect(refusal(design(['a/image'], { maxCost: 0.1 }), 1)).toMatch(/more than its "maxCost"/);
    expect(refusal(design(['a/other']), null)).toBeNull();
  });

  test('shows the plan of a table: pairs, factors, reference, seeds, certainty, and the first prompts to the byte', () => {
    const prompts = [
      {
        text: 'a\u00a0"nurse"\n👩🏽\u200d⚕️',
        factors: { group: 'f', share: '0.87' },
        model: 'simulated/flash',
      },
      { text: 'a doctor', factors: { group: 'm', share: '0.38' }, model: 'simulated/portrait' },
      { text: 'a person', factors: { group: 'm' }, model: 'simulated/portrait' },
      { text: 'a person', factors: { group: 'm' }, model: 'simulated/portrait' },
    ];
    const body = { prompts, samples: 10, compare: ['group'], reference: 'share' };
    const found = dryRun(body, budget(null), ['Spaces were trimmed.']);
    expect(found).toMatchObject({
      ...{ predictions: 30, pairs: 3, merged: 1, compare: ['group'], reference: 'share', seconds: 4 },
      models: [{ predictions: 10 }, { predictions: 20 }],
      factors: [
        {
          name: 'group',
          values: [
            { value: 'f', prompts: 1 },
            { value: 'm', prompts: 2 },
          ],
          reference: false,
        },
        { name: 'share', values: [{ value: '0.87' }, { value: '0.38' }], reference: true },
      ],
    });
    // R: binom::binom.wilson(5, 10), binom::binom.wilson(0, 10)
    expect(found.certainty.halfWidth).toBeCloseTo(0.2634, 3);
    expect(found.certainty.hidden).toBeCloseTo(0.2775, 3);
    const text = describeDryRun(found);
    expect(text).toContain('3 pairs of 3 prompts and 2 models × 10 samples = 30 predictions');
    expect(text).toMatch(/group +f \(1\), m \(2\)\nshare +reference: 0.38 to 0.87/);
    expect(text).toContain('prompts that differ in group alone share them');
    expect(text).toContain('±26 points, and something that never appears may still be in 28 % of images');
    expect(text).toContain('  "a\\u00a0\\"nurse\\"\\n👩🏽\\u200d⚕️"\n  "a doctor"\n');
    expect(text).toMatch(/Spaces were trimmed\.\n1 prompt left out/);
    expect(JSON.parse(quoted(prompts[0]!.text))).toBe(prompts[0]!.text);
  });

  test('refuses a design that is not valid, and says that nothing limits costs where nothing does', () => {
    expect(() => dryRun(design(['nonsense']), budget(1))).toThrow('must be owner/name');
    const free = describeDryRun(dryRun(design(['a/other']), budget(null)));
    expect(free).toMatch(/not known[\s\S]*no budget: nothing limits/);
  });
});

describe('help', () => {
  test('the help of every command has --json and an example', () => {
    const program = createProgram(() => {});
    expect(program.commands.map((command) => command.name()).sort()).toEqual([
      'budget',
      'cancel',
      'delete',
      'download',
      'evidence',
      'import',
      'labels',
      'list',
      'purge',
      'redrive',
      'rejudge',
      'report',
      'reread',
      'restore',
      'round',
      'run',
      'secrets',
      'setup',
      'smoke',
      'status',
      'verify',
    ]);
    for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
      const { parent } = command;
      const name = [...(parent === program ? [] : [parent?.name()]), command.name()].join(' ');
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help).toMatch(new RegExp(`Example:\\n  npx weaudit ${name} ?`));
      expect(help).toContain('--json');
    }
  });
});
