import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { derive } from '../../lib/cells/derive.ts';
import { cellAt } from '../../lib/records/plan.ts';
import type { Result } from '../../lib/records/result.ts';
import { keepPrediction } from '../../lib/replicate/kept.ts';
import { casesOf, KINDS, planOf, resultOf } from '../support/answers.ts';

const keep = (about: { logs?: string; error?: unknown; output?: unknown }) =>
  keepPrediction({ id: 'p', status: 'failed', ...about });
const PROGRESS = ' 75%|███████▌  | 3/4 [00:00<00:00, 15.38it/s]\n';

describe('a result', () => {
  const cases = KINDS.flatMap(casesOf).map((given, i) => [i, given] as const);

  test('that is read again by the same rules says the same', async () => {
    for (const [, given] of cases) {
      const result = JSON.parse(JSON.stringify(await resultOf(given))) as Result;
      const cell = cellAt(planOf(given), 0);
      const { prediction, sent, images, returned } = result;
      const again = derive(cell, { prediction: prediction!, sent, images, returned });
      expect(JSON.parse(JSON.stringify({ ...result, ...again }))).toEqual(result);
    }
  });

  test('of any words that is read again by the same rules says the same', async () => {
    const words = fc
      .array(
        fc.constantFrom(
          'seed: 5',
          'NSFW content detected in 2 outputs',
          PROGRESS,
          'Prompt: x',
          '\n',
          'y'.repeat(900),
        ),
        {
          maxLength: 60,
        },
      )
      .map((parts) => parts.join(' '));
    await fc.assert(
      fc.asyncProperty(words, words, async (logs, error) => {
        const given = { family: '', source: '', logs, error, expect: { status: '' } };
        const result = JSON.parse(JSON.stringify(await resultOf(given))) as Result;
        const again = derive(cellAt(planOf(given), 0), { ...result, prediction: result.prediction! });
        expect(JSON.parse(JSON.stringify({ ...result, ...again }))).toEqual(result);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a log that is too long to be kept', () => {
  const middle = ['Using seed: 5150', 'NSFW content detected in image 3', 'Filtered 1 image due to safety'];

  test('keeps its beginning, its end, and the lines about seeds and filters between them', () => {
    const logs = [
      'Loading\n',
      PROGRESS.repeat(2_000),
      `${middle.join('\n')}\n`,
      PROGRESS.repeat(2_000),
      'Done in 3 s',
    ].join('');
    const { logs: kept } = keep({ logs });
    expect(kept).toMatch(/^Loading\n/);
    expect(kept).toMatch(/Done in 3 s$/);
    expect(kept).toMatch(/… [\d]+ characters left out …/);
    for (const line of middle) expect(kept).toContain(line);
    expect(kept!.length).toBeLessThan(11_000);
  });

  test('keeps a line that is said ten thousand times once', () => {
    const { logs: kept } = keep({ logs: `${'x'.repeat(5_000)}\n${'Using seed: 5150\n'.repeat(10_000)}` });
    expect(kept!.length).toBeLessThan(11_000);
  });

  test('is never cut within a number, and never so that a prompt loses its label', async () => {
    for (let shift = -20; shift < 20; shift++) {
      const start = `${'x'.repeat(3_975 - shift)} seed: 123456789012345678 `;
      const end = `\nPrompt: ${'y '.repeat(30)}seed: 99 ${'z'.repeat(1_500)}\n${PROGRESS.repeat(60).slice(-2_450 - shift)}`;
      const given = {
        family: '',
        source: '',
        logs: `${start}${'-'.repeat(20_000)}${end}`,
        expect: { status: '' },
      };
      const { reading, prediction } = await resultOf(given);
      expect(prediction!.logs).toContain('characters left out');
      expect(reading?.seed?.named ?? []).toEqual(shift < 1 ? [] : ['123456789012345678']);
    }
  });
});

test('a long error keeps what was thrown at its end', () => {
  const frames = '  File "/src/predict.py", line 3, in predict\n    self.run()\n'.repeat(100);
  const { error } = keep({
    error: `Traceback (most recent call last):\n${frames}Exception: All images contained NSFW content.`,
  });
  expect(error!.length).toBeLessThan(2_100);
  expect(error).toMatch(/^Traceback/);
  expect(error).toMatch(/NSFW content\.$/);
});

test('what an output says beside its images is kept, and dropped where it is endless', () => {
  expect(keep({ output: { image: 'https://a/1', seed: 5 } }).said).toEqual({ seed: 5 });
  expect(keep({ output: Array.from({ length: 10_000 }, (_, i) => i) }).said).toBeNull();
});
