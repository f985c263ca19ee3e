import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';

/** Each published design by one command, against the local cloud. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);

/** Each prompt and a line break, in UTF-8. */
const hashOf = (prompts: string[]) =>
  createHash('sha256')
    .update(prompts.map((prompt) => `${prompt}\n`).join(''))
    .digest('hex');

describe('published designs', () => {
  test.each(readdirSync('designs'))(
    '%s runs by one command, and its own prompts arrive at Replicate',
    async (file) => {
      const { prompts, reference, about } = JSON.parse(readFileSync(`designs/${file}`, 'utf8'));
      const texts: string[] = prompts.map(({ text }: { text: string }) => text);
      const before = cloud.cloud.standIn!.log().length;
      const { status, document } = await weaudit.json([
        ...['run', `designs/${file}`, '--model', 'simulated/flash', '--samples', '1'],
      ]);
      expect({ status, ...document }).toMatchObject({
        ...{ status: 0, state: 'finished', predictions: texts.length, counts: { succeeded: texts.length } },
      });
      const arrived = cloud.cloud
        .standIn!.log()
        .slice(before)
        .flatMap((entry) => (entry.kind === 'create' ? [String(entry.input.prompt)] : []));
      expect(arrived.toSorted()).toEqual(texts.toSorted());
      const { body: plan } = await cloud.api('GET', `/api/audits/${document.id}/plan`);
      const planned = hashOf(plan.prompts.map(({ text }: { text: string }) => text));
      expect(planned).toBe(about.prompts.sha256 ?? hashOf(texts));
      expect(plan.reference).toBe(reference);
      expect(plan.prompts).toEqual(prompts);
    },
  );
});
