import type { Context } from 'aws-lambda';
import { reconcile } from '../audits/reconcile.ts';
import { COUNTED } from '../log-lines.ts';
import { readBudget } from '../money/budget.ts';
import type { CellQueue, Chance, Log, ObjectStore, Time, WithTemporaryFile } from '../ports.ts';
import { type Environment, numberSetting } from '../settings.ts';

/** The longest that one step may take, such as a manifest, so that a run ends by itself. */
const RESERVE_MS = 60_000;
/** The alarm on the budget of a month (`infra/watch.yml`) has the same. */
const LOUD_PERCENT = 80;

export interface ReconcilePorts {
  images: ObjectStore;
  backup: ObjectStore;
  withTemporaryFile: WithTemporaryFile;
  queue: CellQueue;
  polls: CellQueue;
  time: Time;
  chance: Chance;
  log: Log;
}

/** Every five minutes: bring every open audit a step nearer to its end. */
export function createReconcile(ports: ReconcilePorts, env: Environment) {
  const { log } = ports;
  const deps = {
    ...ports,
    dispatchers: numberSetting(env, 'DISPATCH_CONCURRENCY'),
    resendMs: numberSetting(env, 'RESEND_SECONDS') * 1_000,
    settleMs: numberSetting(env, 'SETTLE_SECONDS') * 1_000,
  };
  return async (_event: unknown, context: Context) => {
    const { faults, ...done } = await reconcile(deps, () => context.getRemainingTimeInMillis() < RESERVE_MS);
    for (const { audit, error } of faults) log.error('the audit could not be reconciled', { audit, error });
    if (done.repairs > 0) log.warn(COUNTED.repaired, done);
    await noteBudget(ports);
    if (faults.length > 0) throw new Error(`${faults.length} of ${done.audits} audits were not reconciled`);
    return done;
  };
}

/** Says what this month's audits have spent and reserved, from which metrics and an alarm are made. */
async function noteBudget({ images, time, log }: ReconcilePorts): Promise<void> {
  const { month, monthly, reserved, spent } = await readBudget({ store: images, time });
  if (monthly === null && reserved + spent === 0) return;
  const percent = monthly ? (100 * (reserved + spent)) / monthly : undefined;
  // Also where LOG_LEVEL leaves out what is ordinary: an alarm counts it.
  const level = percent !== undefined && percent >= LOUD_PERCENT ? 'warn' : 'info';
  log[level](COUNTED.budget, { month, reserved, spent, ...(percent === undefined ? {} : { percent }) });
}
