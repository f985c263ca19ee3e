import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as v from 'valibot';
import { readDesign } from '../../cli/design.ts';
import { PublishedDesign } from '../../lib/contract/published.ts';

const designs = readdirSync('designs')
  .sort()
  .map((file) => ({
    file,
    design: v.parse(PublishedDesign, JSON.parse(readFileSync(`designs/${file}`, 'utf8'))),
  }));

/** Each prompt and a line break, in UTF-8. */
const promptsHash = (prompts: { text: string }[]) =>
  createHash('sha256')
    .update(prompts.map(({ text }) => `${text}\n`).join(''))
    .digest('hex');

describe('published designs', () => {
  test('are those of five studies, with four lists that are exactly the source and two that say that they are reconstructed', () => {
    expect(
      designs.map(({ file, design: { about, prompts } }) => [
        file,
        about.prompts.status === 'exact' ? promptsHash(prompts) : 'reconstructed',
      ]),
    ).toEqual([
      // As printed from the sources on 2026-11-26.
      ['dall-eval-occupations.json', 'b4446d896076228d85fd0cf8116db1480ccf1f6358c77737e3a0db9539312867'],
      ['heim-descriptors.json', '2a6bbdf61e8c4c1456dfe648e9b2e369da0927ea2758413f881a9673429b6aab'],
      ['heim-occupations.json', 'fc18c3e04acc5e595adabc0d98959df2dd03e75a504827e1f4a3bcdd619d132d'],
      ['hospital-professions.json', 'reconstructed'],
      ['prompting-away-stereotypes.json', '960ad4f25e6db841ba5c63d7a40cc4a09731dc4ab13d8521ecb59ebc264b9a30'],
      ['rest-of-world.json', 'reconstructed'],
    ]);
  });

  test.each(designs)(
    '$file has the prompts of its source, by their SHA-256, or the words "prompts reconstructed"',
    ({ design }) => {
      const { prompts, source } = design.about;
      if (prompts.status === 'reconstructed') {
        expect(design.name).toMatch(/\(prompts reconstructed\)$/);
        return;
      }
      expect(promptsHash(design.prompts)).toBe(prompts.sha256);
      // What prints it reads the very file that is cited.
      expect(prompts.recompute).toContain(
        `${source.repository!.replace('github.com', 'raw.githubusercontent.com')}/${source.commit}/${source.path}`,
      );
    },
  );

  test.each(designs)('$file has numbers beside its prompts only with their source', ({ design }) => {
    const { reference, prompts, about } = design;
    const named = prompts.filter(({ factors }) => reference !== undefined && reference in factors);
    expect(named.length > 0).toBe(reference !== undefined);
    if (reference !== undefined) expect(about.published.values.length).toBeGreaterThan(0);
  });

  test.each(designs)(
    '$file is read as a design to the byte, without what it says of its source',
    async ({ file, design: { about: _about, ...design } }) => {
      expect(await readDesign(`designs/${file}`, { model: ['x/y'] })).toEqual({
        design: { ...design, models: ['x/y'] },
        notes: [],
      });
    },
  );

  test('the reference column of Prompting Away Stereotypes is the share of its published counts', () => {
    const { design } = designs.find(({ file }) => file === 'prompting-away-stereotypes.json')!;
    const shares = design.about.published.values.map(({ occupation, setting, ...women }) => ({
      ...{ occupation, setting },
      share: (Object.values(women as Record<string, number>).reduce((a, b) => a + b) / 50).toFixed(2),
    }));
    expect(
      design.prompts.map(({ factors: { occupation, setting, published_share_women: share } }) => ({
        ...{ occupation, setting, share },
      })),
    ).toEqual(shares);
  });
});
