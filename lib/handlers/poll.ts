import { pollTurn } from '../cells/poll-turn.ts';
import type { CellQueue, Chance, FetchOutput, Log, ObjectStore, ReplicateClient, Time } from '../ports.ts';
import { planKeeper } from '../records/plan.ts';
import { type Environment, listSetting, numberSetting } from '../settings.ts';
import { cellMessages } from './cell-messages.ts';

export interface PollPorts {
  store: ObjectStore;
  queue: CellQueue;
  polls: CellQueue;
  replicate: ReplicateClient;
  fetchOutput: FetchOutput;
  time: Time;
  chance: Chance;
  log: Log;
}

/** Messages of `polls`: look after what was asked for, and end what was canceled. */
export function createPoll(ports: PollPorts, env: Environment) {
  const plansOf = planKeeper();
  const deps = {
    ...ports,
    origins: listSetting(env, 'OUTPUT_ORIGINS'),
    maxImageBytes: numberSetting(env, 'MAX_IMAGE_BYTES'),
    overdueMs: numberSetting(env, 'OVERDUE_SECONDS') * 1_000,
    resendMs: numberSetting(env, 'RESEND_SECONDS') * 1_000,
  };
  return cellMessages(ports, env, async (message, turn, store) => {
    const { faults } = await pollTurn({ ...deps, store, readPlan: plansOf(store) }, message, turn);
    // A chain has sent its next message; what only looked once has to come back.
    return { faults, isDone: faults.length === 0 || message.link !== undefined };
  });
}
