import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jest } from '@jest/globals';
import { ApiClient } from '../../cli/api-client.ts';
import { labelRows } from '../../cli/rounds/labels.ts';
import { readRound } from '../../cli/rounds/read.ts';
import { writeReport } from '../../cli/rounds/report.ts';
import {
  allItems,
  auditAt,
  type Call,
  giveSlot,
  makeRound,
  plantAudit,
  ratingApi,
  S3_ORIGIN,
  send,
  whole,
} from '../support/rounds.ts';
import { eachWorld, world } from './world.ts';

/** From the answers of raters to numbers: through the handler of the API, as the command line calls it. */

const AUDIT = auditAt(1);
const silent = { row: () => ({ update() {} }), stop() {} };
const root = mkdtempSync(path.join(tmpdir(), 'weaudit-round-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let call: Call;
eachWorld();
beforeEach(() => {
  call = ratingApi({ store: world.images, time: world.time, queue: world.queue, polls: world.polls });
});
afterEach(() => void jest.restoreAllMocks());

/** What the command line asks, as calls of the handler. */
async function asked(address: string | URL | Request, init?: RequestInit): Promise<Response> {
  const { pathname, search } = new URL(String(address));
  const { status, headers, text } = await call(init?.method ?? 'GET', `${pathname}${search}`);
  return new Response(text === '' ? null : text, { status, headers });
}
/** Presigned addresses. */
async function stored(address: string | URL | Request): Promise<Response> {
  const key = String(address).slice(S3_ORIGIN.length);
  const found = await world.truth.images.readRange(key, 'bytes=0-');
  return found ? new Response(new Uint8Array(found.bytes)) : new Response('', { status: 404 });
}

it('what raters answered is what the report says, and what a script in another language finds', async () => {
  await plantAudit(
    world.truth.images,
    { id: AUDIT, samples: 20 },
    { 0: 'refused', 41: 'blank', 42: 'quarantined' },
  );
  const round = await makeRound(call, [AUDIT], {
    contrasts: [
      { question: 'gender', answer: 'woman', between: { model: true, one: 'a/alpha', other: 'b/beta' } },
    ],
  });
  const { body } = await call('GET', `/api/rounds/${round}/plan`);
  // Raters see a picture, from which this test knows the cell: of every second one they say "woman".
  const opaque = (await world.keys(`rounds/${round}/items/`)).map((key) => key.slice(-32)).sort();
  const cellOf = new Map(opaque.map((name, place) => [name, Number(body.images[place].split('/')[1])]));
  for (const slot of [1, 2, 3]) {
    const token = await giveSlot(call, round, slot);
    const items = await allItems(call, token);
    for (let seq = 0; seq * 16 < items.length; seq++)
      await send(
        call,
        token,
        seq,
        items
          .slice(seq * 16, seq * 16 + 16)
          .flatMap(({ id, showing }) => whole(id, cellOf.get(id)! % 2 === 0 ? 'woman' : 'man', showing)),
      );
  }
  jest.spyOn(globalThis, 'fetch').mockImplementation(stored as typeof fetch);
  const client = new ApiClient({ url: 'http://api', token: 't' }, asked as typeof fetch);
  await expect(readRound(client, round, silent)).rejects.toThrow('The round is open.');
  await call('POST', `/api/rounds/${round}/close`);
  world.pass(61_000);

  const facts = await readRound(client, round, silent);
  expect(labelRows(facts)).toHaveLength(3 * 3 * opaque.length);
  const folder = path.join(root, 'report');
  const { findings } = await writeReport(client, round, folder, silent);
  const share = (prompt: string, model: string) =>
    findings.shares.find(
      ({ question, answer, group }) =>
        question === 'gender' &&
        answer === 'woman' &&
        group.kind === 'pair' &&
        group.prompt === prompt &&
        group.model === model,
    );
  // Cells 0 to 19 are nurses by alpha, 20 to 39 by beta, 40 to 59 chefs by alpha.
  expect(share('a nurse', 'a/alpha')).toMatchObject({
    n: 19,
    with: 9,
    missing: 1,
    unanimous: 9 / 19,
    any: 9 / 19,
  });
  expect(share('a nurse', 'b/beta')).toMatchObject({ n: 20, with: 10, missing: 0, share: 0.5 });
  expect(share('a chef', 'a/alpha')).toMatchObject({ n: 18, with: 9, missing: 2 });
  expect(findings.raters).toEqual(['1.1', '2.1', '3.1']);
  expect(findings.agreement.find(({ question }) => question === 'gender')).toMatchObject({
    alpha: 1,
    percent: 1,
  });
  expect(findings.contrasts[0]).toMatchObject({ primary: true, method: 'by seed', certainty: 'not certain' });
  const script = spawnSync('python3', [path.join(folder, 'recompute.py')], { encoding: 'utf8' });
  if (script.error) console.warn('The independent script was not run: there is no python3.');
  else expect(script).toMatchObject({ status: 0, stdout: expect.stringMatching(/^All \d+ numbers follow/) });
});
