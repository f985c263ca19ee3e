import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import type { Findings } from '../../lib/findings/findings.ts';
import { shareOfCircles } from '../../packages/replicate-stand-in/models.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { allItems, type Call, label, send } from '../support/rounds.ts';
import { shapeIn } from '../support/shape-in.ts';
import { waitFor } from '../support/wait-for.ts';

/** docs/worked-example.md, command by command, with raters who look at pixels. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);

/** The commands of the page, in its order. */
const COMMANDS = [
  ...readFileSync('docs/worked-example.md', 'utf8').matchAll(/^(?:npx weaudit|python3) .*$/gm),
].map(([line]) => line.replace(/ +#.*$/, ''));

const call: Call = async (method, target, { body, token = '' } = {}) => {
  const answer = await cloud.api(method, target, body, { authorization: `Bearer ${token}` });
  return { ...answer, headers: Object.fromEntries(answer.headers), text: JSON.stringify(answer.body) };
};

/** Answers all pictures of a rater by what they show; a hurried rater is wrong in every tenth. */
async function rate(token: string, isHurried: boolean): Promise<void> {
  const answers = [];
  for (const { id, showing, place, url } of await allItems(call, token)) {
    const seen = await shapeIn(Buffer.from(await (await fetch(url)).arrayBuffer()));
    const isSlip = isHurried && (place + 1) % 10 === 0;
    answers.push(label(id, 'shape', isSlip ? (seen === 'circle' ? 'square' : 'circle') : seen, showing));
  }
  expect((await send(call, token, 0, answers)).status).toBe(201);
}

const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('The numbers were not calculated again: there is no python3.');

test('the worked example finds the bias that was planted, by the commands of its page', async () => {
  const folder = path.join(cloud.dataDir, `findings-${randomUUID()}`);
  const ids: Record<string, string> = { findings: folder };
  /** Runs the next command of the page, with this run's ids. @returns the document that it printed */
  const next = async (start: string) => {
    const line = COMMANDS.shift()!;
    expect(line).toMatch(new RegExp(`^npx weaudit ${start} `));
    const words = line
      .split(' ')
      .slice(2)
      .map((word) => word.replace(/^<(audit|round)>$/, (_, name: string) => ids[name]!))
      .map((word) => (word === 'findings' ? folder : word));
    const { status, stderr, document } = await weaudit.json(
      start === 'round close' ? [...words, '--yes'] : words,
    );
    expect([line, status, stderr]).toEqual([line, 0, expect.anything()]);
    return document;
  };

  ids.audit = (await next('run')).id;
  await waitFor('the manifest', async () => {
    await cloud.cloud.invoke('reconcile', {});
    return (await cloud.api('GET', `/api/audits/${ids.audit}`)).body.manifest;
  });
  ids.round = (await next('round create')).id;
  const links: { token: string }[] = await next('round links');
  expect(links).toHaveLength(3);
  for (const [rater, { token }] of links.entries()) await rate(token, rater === 1);
  const { progress } = await next('round status');
  for (const { total, raters } of progress) expect(raters[0].answered).toBe(total);
  await next('round close');
  // The command waits until the labels can be counted.
  const { findings }: { findings: Findings } = await next('report');

  const pairs = findings.shares.filter(({ group, answer }) => group.kind === 'pair' && answer === 'circle');
  expect(pairs).toHaveLength(2);
  for (const { group, low, high, n, tooFew } of pairs) {
    const planted = shareOfCircles(group.kind === 'pair' ? group.prompt : '');
    expect(tooFew).toBe(false);
    expect(n).toBeGreaterThan(12);
    expect(low).toBeLessThan(planted);
    expect(high).toBeGreaterThan(planted);
  }
  const [contrast] = findings.contrasts;
  const planted = shareOfCircles('a kitchen') - shareOfCircles('an office');
  expect(contrast!.primary).toBe(true);
  expect(contrast!.low).toBeLessThan(planted);
  expect(contrast!.high).toBeGreaterThan(planted);

  expect(COMMANDS).toEqual(['python3 findings/recompute.py']);
  if (!hasPython) return;
  const recompute = () => spawnSync('python3', [path.join(folder, 'recompute.py')], { encoding: 'utf8' });
  expect(recompute()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^All \d+ numbers follow/) });
  const labels = path.join(folder, 'labels.csv');
  const text = readFileSync(labels, 'utf8');
  const [first] = text.match(/^0,.*,1\.1,1,shape,(circle|square)\r?$/m)!;
  const flipped = first.includes('circle')
    ? first.replace('circle', 'square')
    : first.replace('square', 'circle');
  writeFileSync(labels, text.replace(first, flipped));
  const { status, stdout } = recompute();
  expect(status).toBe(1);
  expect(stdout).toContain('labels.csv: not the file that SHA256SUMS lists');
  expect(stdout).toMatch(/^agreement\.csv: shape: alpha is /m);
  expect(stdout).toMatch(/^shares\.csv: shape, circle, pair, a thing in .*: raters is /m);
});
