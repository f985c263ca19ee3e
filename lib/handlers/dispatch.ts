import { askTurn } from '../cells/ask-turn.ts';
import { Pacer } from '../cells/pacer.ts';
import { COUNTED } from '../log-lines.ts';
import type { CellQueue, Chance, Log, ObjectStore, ReplicateClient, SecretValue, Time } from '../ports.ts';
import { planKeeper } from '../records/plan.ts';
import { type Environment, numberSetting, setting } from '../settings.ts';
import { cellMessages } from './cell-messages.ts';

export interface DispatchPorts {
  store: ObjectStore;
  queue: CellQueue;
  polls: CellQueue;
  replicate: ReplicateClient;
  secretValue: SecretValue;
  time: Time;
  chance: Chance;
  log: Log;
}

/** Messages of `cells`: ask for predictions. A message is gone only when nothing of it is lost. */
export function createDispatch(ports: DispatchPorts, env: Environment) {
  const { time, log } = ports;
  const plansOf = planKeeper();
  const createsPerMinute = numberSetting(env, 'CREATES_PER_MINUTE');
  const dispatchers = numberSetting(env, 'DISPATCH_CONCURRENCY');
  const deps = {
    ...ports,
    createsPerMinute,
    dispatchers,
    webhookUrl: setting(env, 'WEBHOOK_URL'),
    overdueMs: numberSetting(env, 'OVERDUE_SECONDS') * 1_000,
    // The account's rate is shared by the functions that run at once.
    pacer: new Pacer(time, createsPerMinute, dispatchers),
    onSuperfluous: (cell: number, predictionId: string) =>
      log.warn('a second prediction for a cell was canceled', { cell, predictionId }),
  };
  return cellMessages(ports, env, async (message, turn, signal) => {
    const store = ports.store.within(signal);
    const { asked, waitedFor, faults } = await askTurn(
      { ...deps, store, readPlan: plansOf(store) },
      message,
      turn,
    );
    if (asked > 0) log.info(COUNTED.asked, { asked });
    if (waitedFor) log.warn(COUNTED.waiting, { why: waitedFor });
    return { faults, isDone: faults.length === 0 };
  });
}
