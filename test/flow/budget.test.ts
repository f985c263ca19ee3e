import { changePrice, changeSettings, describeBudget, reportBudget } from '../../cli/operator/budget.ts';
import { monthOf } from '../../lib/money/ledger.ts';
import { readSettings } from '../../lib/money/prices.ts';
import { ledgerKey, settingsKey } from '../../lib/records/keys.ts';
import { eachWorld, world } from './world.ts';

eachWorld();
const MODEL = 'black-forest-labs/flux-schnell';
const settings = () => readSettings(world.truth.images);

describe('an operator', () => {
  test('sets budget and prices; either leaves the other as it was', async () => {
    await changeSettings(world.images, (before) => ({ ...before, monthly: 100 }));
    const { text } = await changePrice(world.images, MODEL, { perImage: 0.004 });
    expect(text).toContain('$0.003 an image before, $0.004 an image now');
    expect(await settings()).toEqual({ monthly: 100, prices: { [MODEL]: { perImage: 0.004 } } });
    expect((await changePrice(world.images, MODEL, undefined)).text).toContain('$0.003 an image now');
    expect(await settings()).toEqual({ monthly: 100, prices: {} });
  });

  test('loses no change of another operator who makes one at the same moment', async () => {
    await Promise.all([
      changeSettings(world.images, (before) => ({ ...before, monthly: 100 })),
      changePrice(world.images, 'a/b', { perImage: 1 }),
      changePrice(world.images, 'c/d', { free: true }),
    ]);
    expect(await settings()).toEqual({
      monthly: 100,
      prices: { 'a/b': { perImage: 1 }, 'c/d': { free: true } },
    });
  });

  test.each([{ perImage: -1 }, { perImage: Number.NaN }, { perImage: 1e19 }])(
    'cannot set a price that is none: %j',
    async (price) => {
      await changeSettings(world.images, () => ({ monthly: 5 }));
      await expect(changePrice(world.images, 'a/b', price)).rejects.toThrow('Nothing was changed.');
      expect(await settings()).toEqual({ monthly: 5 });
    },
  );

  test('is told where the settings are not valid, and nothing takes them for no budget', async () => {
    await world.images.replaceJson(settingsKey, { monthly: '100' });
    await expect(changeSettings(world.images, () => ({ monthly: 5 }))).rejects.toThrow(
      'ledger/settings.json in images is not valid: "monthly" must be a number of dollars',
    );
    await expect(reportBudget(world.images, world.time)).rejects.toThrow('all audits are refused');
    await expect(settings()).rejects.toThrow('"monthly" must be a number of dollars');
  });

  test('sees what is left, and the audits that hold most', async () => {
    await changeSettings(world.images, () => ({
      monthly: 1,
      prices: { 'a/b': { perSecond: 0.001, seconds: 60 } },
    }));
    const entry = (reserved: number) => ({ most: reserved, reserved, spent: 0 });
    await world.images.replaceJson(ledgerKey(monthOf(world.now())), {
      audits: { small: entry(1_000), large: entry(200_000) },
      closed: 300_000,
    });
    const report = await reportBudget(world.images, world.time);
    expect(report).toMatchObject({ monthly: 1, spent: 0.3, reserved: 0.201, left: 0.499 });
    expect(report.holders.map(({ audit }) => audit)).toEqual(['large', 'small']);
    expect(describeBudget(report)).toMatch(
      /\$1\.00 +\$0\.30 +\$0\.20 +\$0\.50[\s\S]*large +\$0\.20[\s\S]*a\/b +\$0\.001 a second, canceled after 60 seconds/,
    );
  });
});
