import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { reportFiles } from '../../lib/findings/report/report.ts';
import { anyRound } from '../support/any-round.ts';
import { shapeRound } from '../support/shape-round.ts';

/** The script that comes with a report: it shares no code with what wrote the report. */

const SCRIPT = readFileSync(
  path.resolve(import.meta.dirname, '../../lib/findings/report/recompute.py'),
  'utf8',
);
const root = mkdtempSync(path.join(tmpdir(), 'weaudit-report-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const files = reportFiles({ ...shapeRound(), thumbnails: new Map(), script: SCRIPT });

/** Writes a report, with one file changed. @returns the folder */
function write(name: string, report: Map<string, string>, changes: Record<string, string> = {}) {
  const folder = path.join(root, name);
  mkdirSync(folder);
  for (const [file, text] of report) writeFileSync(path.join(folder, file), changes[file] ?? text);
  return folder;
}

const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('The independent script was not run: there is no python3.');
const withPython = hasPython ? test : test.skip;
const run = (folder: string, ...given: string[]) =>
  spawnSync('python3', [path.join(folder, 'recompute.py'), ...given], {
    encoding: 'utf8',
    maxBuffer: 50_000_000,
  });

withPython('every number of a report follows from its labels, by a script in another language', async () => {
  const folder = write('intact', await files);
  const all = { status: 0, stdout: expect.stringMatching(/^All \d{4,} numbers follow/), stderr: '' };
  expect(run(folder)).toMatchObject(all);
  expect(run(folder, folder)).toMatchObject(all);
});

withPython('rounds that nobody thought of have numbers that the script finds, too', async () => {
  for (let start = 0; start < 12; start++) {
    const report = await reportFiles({ ...anyRound(start), thumbnails: new Map(), script: SCRIPT });
    const { status, stdout } = run(write(`any-${start}`, report));
    expect([start, status, stdout]).toEqual([start, 0, expect.stringMatching(/^All \d+ numbers follow/)]);
  }
});

withPython('the script names the numbers that one flipped label changes, and no other', async () => {
  const labels = (await files).get('labels.csv')!;
  const [first] = labels.match(/^0,.*,1\.1,1,shape,(circle|other)$/m)!;
  const flipped = first.endsWith('circle')
    ? first.replace('circle', 'other')
    : first.replace('other', 'circle');
  const folder = write('flipped', await files, { 'labels.csv': labels.replace(first, flipped) });
  const { status, stdout } = run(folder);
  expect(status).toBe(1);
  expect(stdout).toContain('labels.csv: not the file that SHA256SUMS lists');
  expect(stdout).toMatch(/^agreement\.csv: shape: alpha is 0\.\d+ in the file, recomputed 0\.\d+$/m);
  expect(stdout).toMatch(/^shares\.csv: shape, circle, pair, a red box, a\/outline: raters is /m);
  expect(stdout).not.toMatch(/^shares\.csv: .*b\/solid/m);
});

withPython('the script names a number that was changed, and one that is missing', async () => {
  const lines = (await files).get('shares.csv')!.split('\n');
  const changed = [lines[0], lines[1]!.replace(/0\.\d{6,}/, '0.99'), ...lines.slice(3)].join('\n');
  const { status, stdout } = run(write('changed', await files, { 'shares.csv': changed }));
  expect(status).toBe(1);
  expect(stdout).toMatch(/share is 0\.99 in the file/);
  expect(stdout).toMatch(/not in the file/);
});

withPython(
  'the script names what nobody could have calculated: no number, a row that is there twice, a number of what is not measurable',
  async () => {
    // No model shows anything: contrasts have no numbers.
    const { codebook, ...empty } = shapeRound({ samples: 1 });
    const input = { ...empty, codebook, snapshot: { ...empty.snapshot, labels: [] } };
    const report = await reportFiles({ ...input, thumbnails: new Map(), script: SCRIPT });
    const contrasts = report.get('contrasts.csv')!;
    const invented = contrasts.replace(/(,0\.98\d+,)(,,,,,,)/, '$1paired,20,20,0.4,0.2,0.6,0.01');
    expect(invented).not.toBe(contrasts);
    const shares = (await files).get('shares.csv')!;
    const [head, first, ...rest] = shares.split('\n');
    const cases = {
      invented: { ...run(write('invented', report, { 'contrasts.csv': invented })) },
      nan: run(
        write('nan', await files, {
          'shares.csv': [head, first!.replace(/0\.\d{6,}/, 'nan'), ...rest].join('\n'),
        }),
      ),
      twice: run(
        write('twice', await files, {
          'shares.csv': [head, first!.replace(/0\.\d{6,}/, '0.99'), first, ...rest].join('\n'),
        }),
      ),
    };
    expect(cases.invented.stdout).toMatch(/difference is 0\.4 in the file, recomputed empty/);
    expect(cases.nan.stdout).toMatch(/share is nan in the file/);
    expect(cases.twice.stdout).toMatch(/in the file twice/);
    for (const { stdout } of Object.values(cases)) expect(stdout).toMatch(/[1-9]\d* of \d+ numbers differ/);
  },
);

withPython('the script names the numbers that the outcome of one cell changes', async () => {
  const cells = (await files).get('cells.csv')!;
  const refused = cells.replace(/,refused,/, ',failed,');
  const { stdout } = run(write('outcome', await files, { 'cells.csv': refused }));
  expect(refused).not.toBe(cells);
  expect(stdout).toMatch(/^outcomes\.csv: [ab]\/\w+: refused is \d+ in the file, recomputed \d+$/m);
  expect(stdout).toMatch(/^shares\.csv: shape, circle, pair, .*: least is /m);
});

withPython(
  'the script names what the page shows and the labels do not say: a share, an interval, a sentence, a count',
  async () => {
    const html = (await files).get('report.html')!;
    const changes: [RegExp, string, RegExp][] = [
      [
        /<b>\d+ %<\/b>/,
        '<b>99 %</b>',
        /^report\.html: shape, circle, model, a\/outline: recomputed .*and not: .*99 %/m,
      ],
      [
        /<small>\d+ to \d+<\/small>/,
        '<small>1 to 2</small>',
        /^report\.html: shape, circle, .* and not: .*1 to 2/m,
      ],
      [/\+\d+ points/, '+99 points', /^report\.html: true, shape, circle, .* and not: .*\+99 points/m],
      [
        /Of \d+ pictures/,
        'Of 1 pictures',
        /^report\.html: shape, circle, model, .* and not: .*Of 1 pictures/m,
      ],
      [/(<td class="number">)\d+</, '$17777<', /^report\.html: a\/outline: recomputed .* and not: .*7777/m],
      [
        /(<td class="number">)0\.\d{3}</,
        '$10.999<',
        /^report\.html: shape: recomputed .* and not: .*0\.999/m,
      ],
    ];
    let changed = html;
    for (const [what, instead] of changes) {
      expect(changed).toMatch(what);
      changed = changed.replace(what, instead);
    }
    const { status, stdout } = run(write('page', await files, { 'report.html': changed }));
    expect(status).toBe(1);
    for (const [, , named] of changes) expect(stdout).toMatch(named);
  },
);

withPython('the script says that a folder is no report', () => {
  const { status, stderr } = run(write('empty', new Map([['recompute.py', SCRIPT]])));
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('cannot be read') });
});
