import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, test } from '@jest/globals';
import type { Study } from '../../lib/contract/answers.ts';
import type { BudgetSettings } from '../../lib/money/prices.ts';
import { settingsKey } from '../../lib/records/keys.ts';
import { IMAGES } from '../support/buckets.ts';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';
import { waitFor } from '../support/wait-for.ts';

/** A study of audits that are as large as audits may be, by the command line. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);
const setBudget = (settings: BudgetSettings) =>
  cloud.s3().send(new PutObjectCommand({ Bucket: IMAGES, Key: settingsKey, Body: JSON.stringify(settings) }));

test('a table that is too large becomes audits of one study; the same command continues where it was refused, and twice at once makes the same ones', async () => {
  const prompts = Array.from({ length: 1_001 }, (_, i) => `prompt ${i}`);
  const table = weaudit.file('large.csv', `prompt\n${prompts.join('\n')}\n`);
  const never = ['--model', 'simulated/unreliable', '--input', 'outcome=never-starts'];
  const large = ['run', table, ...never, '--name', 'Large', '--study', 'Large table', '--no-wait'];
  const priced = { prices: { 'simulated/unreliable': { perPrediction: 0.001 } } };
  await setBudget({ ...priced, monthly: 1 });
  const halfway = await weaudit.run(large);
  expect(halfway.status).toBe(3);
  expect(halfway.stderr).toMatch(
    /1 of 2 audits were started, and keep running\. .* \$0\.001, .*Run the same command again to start the rest\./,
  );
  const before = (await weaudit.json(['list', 'Large table'])).document;
  expect(before).toHaveLength(1);
  await setBudget({ ...priced, monthly: 10 });
  const [one, other] = await Promise.all([weaudit.json(large), weaudit.json(large)]);
  expect(one).toMatchObject({ status: 0, document: { predictions: 1_001 } });
  expect(other.document).toEqual(one.document);
  const ids: string[] = one.document.audits;
  expect(ids[0]).toBe(before[0].id);
  const { audits } = (await cloud.api('GET', `/api/studies/${one.document.study}`)).body as Study;
  expect(audits.map(({ id }) => id)).toEqual(ids);
  const plans = await Promise.all(
    ids.map(async (id) => (await cloud.api('GET', `/api/audits/${id}/plan`)).body),
  );
  expect(plans.map(({ name }) => name)).toEqual(['Large (part 1)', 'Large (part 2)']);
  expect(plans[0].seed).toBe(plans[1].seed);
  expect(plans.flatMap((plan) => plan.prompts.map(({ text }: { text: string }) => text))).toEqual(prompts);
  const pinned = await weaudit.run([...large, '--seed', '7', '--key', 'x']);
  expect(pinned).toMatchObject({ status: 2, stderr: expect.stringContaining('Omit the seed') });
  expect((await weaudit.run(['cancel', 'Large table'])).stdout).toContain(
    '2 audits of "Large table" canceled',
  );
  await waitFor('nothing is under way', () => cloud.cloud.idle());
});
