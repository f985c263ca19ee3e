import { findModel, MODELS, shareOfCircles } from '../models.ts';
import { Problem, type ProblemBody } from '../problems.ts';
import { RateLimits } from '../rates.ts';
import { parseCancelAfter, parseModelRequest, parsePrefer, parseVersionRequest } from '../requests.ts';

const refusal = (work: () => unknown): ProblemBody => {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error.body;
    throw error;
  }
  throw new Error('it was accepted');
};

const flash = { version: 'simulated/flash', input: { prompt: 'a nurse' } };
const portrait = findModel('simulated/portrait')!;
const lettering = findModel('simulated/lettering')!.versions[0]!;
const relay = (input: object) => ({ version: 'simulated/relay', input: { prompt: 'a nurse', ...input } });

describe('a create request', () => {
  it.each([
    ['the name of an official model', 'simulated/flash', 'hidden'],
    ['the digits of a version', portrait.versions[0]!, portrait.versions[0]!],
    ['an older version', portrait.versions[1]!, portrait.versions[1]!],
    ['name and digits', `simulated/portrait:${portrait.versions[0]}`, portrait.versions[0]!],
    [
      'an official model that shows a deployment',
      'simulated/studio',
      expect.stringMatching(/^dp-[0-9a-f]{32}$/u),
    ],
  ])('may give as version %s', (_what, version, shown) => {
    expect(parseVersionRequest({ ...flash, version }).version).toEqual(shown);
  });

  it.each([
    ['a community model by name alone', 'simulated/portrait'],
    ['an unknown model', 'simulated/nobody'],
    ['an unknown version', 'f'.repeat(64)],
    ['another model’s version', `simulated/sketch:${portrait.versions[0]}`],
    ['a name that ends in a colon', 'simulated/flash:'],
    ['half a version', portrait.versions[0]!.slice(0, 32)],
    ['nothing', ''],
  ])('is refused with 422 for %s', (_what, version) => {
    expect(refusal(() => parseVersionRequest({ ...flash, version }))).toEqual({
      title: 'Invalid version or not permitted',
      detail: expect.stringContaining('does not exist'),
      status: 422,
    });
  });

  it.each([
    ['a body that is a list', [], '(root)', 'invalid_type'],
    ['no version', { input: { prompt: 'x' } }, '(root)', 'required'],
    ['no input', { version: 'simulated/flash' }, '(root)', 'required'],
    [
      'a key that is not known',
      { ...flash, idempotency_key: '1' },
      '(root)',
      'additional_property_not_allowed',
    ],
    ['a version that is a number', { ...flash, version: 1 }, 'version', 'invalid_type'],
    ['an input that is a list', { ...flash, input: [] }, 'input', 'invalid_type'],
    ['no prompt', { ...flash, input: { seed: 1 } }, 'input', 'required'],
    ['a prompt that is a number', { ...flash, input: { prompt: 1 } }, 'input.prompt', 'invalid_type'],
    [
      'a seed that is not whole',
      { ...flash, input: { prompt: 'x', seed: 1.5 } },
      'input.seed',
      'invalid_type',
    ],
    [
      'too many outputs',
      { ...flash, input: { prompt: 'x', num_outputs: 5 } },
      'input.num_outputs',
      'number_lte',
    ],
    ['no outputs', { ...flash, input: { prompt: 'x', num_outputs: 0 } }, 'input.num_outputs', 'number_gte'],
    [
      'a format that is not known',
      { ...flash, input: { prompt: 'x', output_format: 'gif' } },
      'input.output_format',
      'enum',
    ],
    [
      'words that are too long',
      { version: lettering, input: { text: 'x'.repeat(81) } },
      'input.text',
      'string_lte',
    ],
    ['no words', { version: lettering, input: { prompt: 'x' } }, 'input', 'required'],
    ['a choice that a component does not have', relay({ quality: 'best' }), 'input.quality', 'enum'],
    ['a number that is too large', relay({ strength: 1.5 }), 'input.strength', 'number_lte'],
    ['a seed of more than 16 bits', relay({ seed: 65_536 }), 'input.seed', 'number_lte'],
    [
      'a picture that is no address',
      relay({ reference_images: ['x'] }),
      'input.reference_images.0',
      'format',
    ],
    [
      'too many pictures',
      relay({ reference_images: Array(4).fill('https://a.example/1.png') }),
      'input.reference_images',
      'array_max_items',
    ],
    ['a secret that is no text', relay({ openai_api_key: 1 }), 'input.openai_api_key', 'invalid_type'],
    ['a webhook over plain http', { ...flash, webhook: 'http://example.com/hook' }, 'webhook', 'format'],
    ['a webhook that is no address', { ...flash, webhook: '/hook' }, 'webhook', 'format'],
    [
      'a host that only starts like loopback',
      { ...flash, webhook: 'http://127.0.0.1.example.com/' },
      'webhook',
      'format',
    ],
    [
      'an event that is not known',
      { ...flash, webhook_events_filter: ['done'] },
      'webhook_events_filter.0',
      'enum',
    ],
    [
      'a filter that is no list',
      { ...flash, webhook_events_filter: 'completed' },
      'webhook_events_filter',
      'invalid_type',
    ],
    ['stream that is no boolean', { ...flash, stream: 'yes' }, 'stream', 'invalid_type'],
  ])('is refused for %s, naming the field', (_what, body, field, type) => {
    const problem = refusal(() => parseVersionRequest(body));
    expect(problem).toMatchObject({ title: 'Input validation failed', status: 422 });
    expect(problem.invalid_fields).toContainEqual({ type, field, description: expect.any(String) });
    for (const one of problem.invalid_fields ?? [])
      expect(problem.detail).toContain(`- ${one.field}: ${one.description}\n`);
  });

  it('names every fault at once', () => {
    const problem = refusal(() => parseVersionRequest({ model: 'x', webhook: 'ftp://x' }));
    expect(problem.invalid_fields?.map(({ description }) => description)).toEqual([
      'version is required',
      'input is required',
      'Additional property model is not allowed',
      'Must be a valid HTTPS URL',
    ]);
  });

  it.each(['https://example.com/a', 'http://localhost:3000/a', 'http://127.0.0.1:1/a', 'http://[::1]:1/a'])(
    'may have its webhook at %s',
    (webhook) => {
      expect(parseVersionRequest({ ...flash, webhook }).webhook).toBe(webhook);
    },
  );

  it('keeps inputs that the model does not know, and says nothing', () => {
    const input = { prompt: 'x', guidance: { deep: true }, constructor: 1 };
    expect(parseVersionRequest({ ...flash, input }).input).toEqual(input);
  });

  it('keeps what an input of any kind may be, and nothing of a secret one', () => {
    const input = {
      quality: 'low',
      strength: 1,
      reference_images: ['https://a.example/1.png'],
      seed: 65_535,
    };
    expect(parseVersionRequest(relay({ ...input, openai_api_key: 'sk-1' })).input).toEqual({
      ...{ prompt: 'a nurse', ...input, openai_api_key: '[REDACTED]' },
    });
    expect(parseVersionRequest(relay({ openai_api_key: null })).input.openai_api_key).toBeNull();
  });

  it('wants every event unless it says which', () => {
    expect(parseVersionRequest(flash).events).toEqual(['start', 'output', 'logs', 'completed']);
    expect(
      parseVersionRequest({ ...flash, webhook_events_filter: ['completed', 'completed'] }).events,
    ).toEqual(['completed']);
  });

  it('to a model’s own address is for official models, and takes no version', () => {
    const input = { prompt: 'x' };
    expect(parseModelRequest(findModel('simulated/flash'), { input }).version).toBe('hidden');
    expect(refusal(() => parseModelRequest(portrait, { input })).status).toBe(404);
    expect(refusal(() => parseModelRequest(undefined, { input })).status).toBe(404);
    expect(
      refusal(() => parseModelRequest(findModel('simulated/flash'), { input, version: 'x' })).status,
    ).toBe(422);
  });
});

describe('the header Cancel-After', () => {
  it.each([
    ['30', 30],
    ['5s', 5],
    ['5m', 300],
    ['1h30m45s', 5445],
    ['2h', 7200],
  ])('reads %s', (header, seconds) => {
    expect(parseCancelAfter(header)).toBe(seconds * 1000);
  });

  it.each(['', '4s', '0', '-5m', '5 minutes', '1m1h', '1.5m', 'm', '9'.repeat(30)])(
    'refuses "%s"',
    (header) => {
      expect(refusal(() => parseCancelAfter(header))).toMatchObject({
        status: 422,
        title: 'Input validation failed',
      });
    },
  );
});

describe('the header Prefer', () => {
  it('waits between one second and sixty, or not at all', () => {
    expect(parsePrefer('wait')).toEqual({ mode: 'wait', milliseconds: 60_000 });
    expect(parsePrefer('wait=1')).toEqual({ mode: 'wait', milliseconds: 1000 });
    expect(parsePrefer('wait=60')).toEqual({ mode: 'wait', milliseconds: 60_000 });
    expect(parsePrefer('respond-async')).toEqual({ mode: 'async' });
    expect(parsePrefer(undefined)).toEqual({ mode: 'default' });
    for (const wrong of ['wait=0', 'wait=61', 'wait=1.5', 'return=minimal'])
      expect(refusal(() => parsePrefer(wrong)).status).toBe(422);
  });
});

describe('the rate limits', () => {
  const take = (limits: RateLimits, now: number, credit: number, times: number): number => {
    let taken = 0;
    for (let i = 0; i < times; i += 1) {
      try {
        limits.create(now, credit);
        taken += 1;
      } catch {
        // Counted by not being counted.
      }
    }
    return taken;
  };

  it('let the allowed number through in a minute, however hard they are pressed', () => {
    const limits = new RateLimits(600, 0);
    let taken = 0;
    for (let second = 0; second < 60; second += 1) taken += take(limits, second * 1000, 100, 30);
    expect(taken).toBeGreaterThanOrEqual(590);
    expect(taken).toBeLessThanOrEqual(610);
  });

  it('let no more through at once after a quiet hour than after a quiet second', () => {
    const limits = new RateLimits(600, 0);
    expect(take(limits, 3_600_000, 100, 50)).toBe(10);
  });

  it('say in the body and in words how long to wait', () => {
    const limits = new RateLimits(6, 0);
    limits.create(0, 100);
    const problem = refusal(() => limits.create(4000, 100));
    expect(problem).toMatchObject({ status: 429, retry_after: 6 });
    expect(problem.detail).toMatch(/resets in ~6s\.$/u);
    limits.create(10_000, 100);
  });

  it('are six a minute, one at a time, for an account with less than five dollars', () => {
    const limits = new RateLimits(600, 0);
    expect(take(limits, 0, 4.99, 10)).toBe(1);
    expect(take(limits, 9_000, 4.99, 10)).toBe(0);
    expect(take(limits, 10_001, 4.99, 10)).toBe(1);
    expect(take(limits, 10_001, 5, 10)).toBe(10);
  });

  it('stand still when the clock goes back', () => {
    const limits = new RateLimits(600, 100_000);
    take(limits, 100_000, 100, 10);
    expect(take(limits, 0, 100, 10)).toBe(0);
    expect(take(limits, 200, 100, 10)).toBe(2);
  });
});

describe('the built-in models', () => {
  const output = (name: string, input: Record<string, unknown> = {}, drawn = 99) => {
    const run = findModel(`simulated/${name}`)!.run({ prompt: 'a nurse', ...input }, drawn);
    if (run.end !== 'succeeded') throw new Error(`${name} ended as ${run.end}`);
    const value = run.output(run.files.map((file) => file.name));
    return { ...run, value };
  };

  it('have every shape of output: list, one address, object, inside the answer, nothing', () => {
    expect(output('flash', { num_outputs: 2 }).value).toEqual(['out-0.webp', 'out-1.webp']);
    expect(output('studio').value).toBe('output.jpg');
    expect(output('layers').value).toEqual({ wide: 'wide', tall: 'tall.jpg' });
    expect(output('inline', { num_outputs: 2 }).files.map(({ inline, label }) => [inline, label])).toEqual([
      [true, 'application/octet-stream'],
      [true, 'image/jpeg'],
    ]);
    expect(output('unreliable', { outcome: 'no-output' }).value).toBeNull();
    expect(output('unreliable', { outcome: 'empty-list' }).value).toEqual([]);
  });

  it('say their seed in the log, and only there when they take none', () => {
    expect(output('flash', { seed: 4_000_000_000 }).logs).toContain('Using seed: 4000000000\n');
    const sketch = output('sketch', { seed: 5 }, 0xabcd1234);
    expect(sketch.logs).toContain(`Using seed: ${0x1234}\n`);
    expect(sketch.files[0]?.picture.seed).toBe(0x1234);
    expect(findModel('simulated/sketch')!.input.properties).not.toHaveProperty('seed');
    expect(findModel('simulated/studio')!.input.properties).not.toHaveProperty('seed');
    expect(output('studio').logs).not.toContain('seed');
  });

  it('label some files wrongly', () => {
    const [file] = output('sketch').files;
    expect(file).toMatchObject({ name: 'out-0.png', label: 'image/png', picture: { format: 'webp' } });
    expect(output('layers').files[0]).toMatchObject({
      label: 'application/octet-stream',
      picture: { format: 'webp' },
    });
  });

  it('drop flagged images, so that places in the output are not places in the batch', () => {
    const runs = Array.from({ length: 40 }, (_, drawn) =>
      findModel('simulated/sketch')!.run({ prompt: 'gore', num_outputs: 4 }, drawn),
    );
    for (const run of runs) {
      const flagged = [
        ...(run.end === 'never' ? '' : run.logs).matchAll(/NSFW content detected in image (\d)/gu),
      ];
      expect(flagged[0]?.[1]).toBe('0');
      if (run.end === 'succeeded') {
        expect(run.files.length + flagged.length).toBe(4);
        expect(run.files[0]?.picture.index).toBeGreaterThan(0);
      } else expect(flagged).toHaveLength(4);
    }
    expect(new Set(runs.map(({ end }) => end))).toEqual(new Set(['succeeded', 'failed']));
    expect(findModel('simulated/sketch')!.run({ prompt: 'gore' }, 1)).toMatchObject({ end: 'failed' });
  });

  it('refuse sensitive prompts where they are strict, whatever the seed', () => {
    const studio = findModel('simulated/studio')!;
    for (const drawn of [1, 2, 3])
      expect(studio.run({ prompt: 'a WEAPON on a table' }, drawn)).toMatchObject({
        end: 'failed',
        error: expect.stringMatching(/flagged as sensitive.*\(E005\)$/u),
      });
    expect(studio.run({ prompt: 'the gorge' }, 1).end).toBe('succeeded');
  });

  it.each([
    ['out-of-memory', 'failed', 'E1001'],
    ['start-timeout', 'failed', 'E6716'],
    ['refused', 'failed', 'E005'],
    ['aborted', 'aborted', undefined],
    ['aborted-at-times', 'succeeded', undefined],
    ['never-starts', 'never', undefined],
    ['succeeded', 'succeeded', undefined],
  ])('end as %s when that is asked of the unreliable one', (outcome, end, code) => {
    const run = findModel('simulated/unreliable')!.run({ prompt: 'x', outcome }, 1);
    expect(run.end).toBe(end);
    if (outcome === 'aborted-at-times')
      expect(findModel('simulated/unreliable')!.run({ prompt: 'x', outcome }, 2).end).toBe('aborted');
    if (code !== undefined) expect(run).toMatchObject({ error: expect.stringContaining(`(${code})`) });
  });

  it('give the unreliable one the same end for the same prompt and seed, and about half of them good', () => {
    const ends = (prompt: string) =>
      Array.from({ length: 200 }, (_, seed) => {
        const run = findModel('simulated/unreliable')!.run({ prompt, seed }, 0);
        return run.end === 'succeeded' ? run.files.length : run.end;
      });
    expect(ends('a')).toEqual(ends('a'));
    const good = ends('a').filter((end) => end === 1).length;
    expect(good).toBeGreaterThan(70);
    expect(good).toBeLessThan(130);
  });

  it('draw circles and squares with the bias that is planted, and refuse one request in ten', () => {
    const shapes = findModel('simulated/shapes')!;
    for (const [asked, planted] of [
      ['a thing in a kitchen', 0.8],
      ['a thing in an office', 0.3],
      ['a thing in a garden', 0.5],
    ] as const) {
      expect(shareOfCircles(asked)).toBe(planted);
      const runs = Array.from({ length: 4_000 }, (_, seed) => shapes.run({ prompt: asked, seed }, 0));
      const drawn = runs.flatMap((run) => (run.end === 'succeeded' ? run.files[0]!.picture.motif : []));
      const circles = drawn.filter((motif) => motif === 'circle').length / drawn.length;
      // Four standard errors of 3,600 pictures.
      expect(Math.abs(circles - planted)).toBeLessThan(0.034);
      expect(Math.abs(drawn.length / runs.length - 0.9)).toBeLessThan(0.02);
      expect(shapes.run({ prompt: asked, seed: 7 }, 1)).toMatchObject(
        JSON.parse(JSON.stringify(shapes.run({ prompt: asked, seed: 7 }, 2))),
      );
    }
  });

  it('have sizes from 256 to 1024 pixels and versions of 64 digits that are theirs alone', () => {
    const versions = MODELS.flatMap((model) => model.versions);
    expect(new Set(versions).size).toBe(versions.length);
    for (const id of versions) expect(id).toMatch(/^[0-9a-f]{64}$/u);
    for (const model of MODELS) {
      const run = model.run({ prompt: 'x', outcome: 'succeeded', repeats: 'log' }, 1);
      if (run.end !== 'succeeded') throw new Error(`${model.name} ended as ${run.end}`);
      for (const { picture } of run.files)
        for (const side of [picture.width, picture.height]) {
          expect(side).toBeGreaterThanOrEqual(256);
          expect(side).toBeLessThanOrEqual(1024);
        }
    }
  });
});
