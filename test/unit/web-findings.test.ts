import { expect, jest, test } from '@jest/globals';
import type { Findings, FindingsInput } from '../../lib/findings/findings.ts';
import { escapeXml } from '../../lib/html.ts';
import { shapeRound } from '../support/shape-round.ts';

// Not checked against the types of a browser, which tests do not have.
const PAGE: string = '../../web/src/views/round/read-findings.ts';
// The page keeps its token in the browser.
Object.assign(globalThis, {
  localStorage: { getItem: () => null },
  sessionStorage: { getItem: () => null },
  addEventListener() {},
});

test('findings on the page leave out the labels of a rater who withdrew after the snapshot was written', async () => {
  const { audits, round, codebook, images, snapshot } = shapeRound({ samples: 4 });
  const { plan, cells } = audits[0]!;
  const answers: Record<string, unknown> = {
    [`/api/rounds/${round.id}/snapshot`]: snapshot,
    [`/api/rounds/${round.id}`]: {
      progress: [
        {
          slot: 2,
          raters: [
            { rater: '2.1', withdrawn: false },
            { rater: '2.2', withdrawn: true },
          ],
        },
      ],
    },
    [`/api/audits/${plan.id}/plan`]: { ...plan, cells: cells.length },
    [`/api/audits/${plan.id}/predictions`]: { predictions: cells },
  };
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (address) => {
    const { pathname } = new URL(String(address), 'http://page');
    return new Response(JSON.stringify(answers[pathname] ?? {}), { status: pathname in answers ? 200 : 404 });
  });
  const { readFindings } = (await import(PAGE)) as {
    readFindings: (
      decided: object,
      progress: () => void,
    ) => Promise<{ findings: Findings; input: FindingsInput }>;
  };
  const { findings, input } = await readFindings({ plan: round, codebook, images }, () => {});
  jest.restoreAllMocks();
  expect(snapshot.labels.some(([, , rater]) => rater === '2.2')).toBe(true);
  expect(input.snapshot.labels.some(([, , rater]) => rater === '2.2')).toBe(false);
  expect(findings.raters).toEqual(['1.1', '2.1', '3.1']);
  expect(findings.withdrawn).toEqual(['2.2']);
});

test('a saved plot has no character that XML does not have: a browser would show an error instead of it', () => {
  const none = ['\0', '\u0008', '\u001f', '\ud800', '\udfff', '\ufffe', '\uffff'];
  expect(escapeXml(`<a>${none.join(' ')}`)).toBe(`&lt;a&gt;${none.map(() => '\ufffd').join(' ')}`);
  const some = '\t\n\r é\u2068中\ud7ff\ue000\ufffd😀\u{10ffff}';
  expect(escapeXml(some)).toBe(some);
});
