import { sumUp } from '../audits/sum-up.ts';
import { pollTurn } from '../cells/poll-turn.ts';
import { COUNTED } from '../log-lines.ts';
import type {
  CellQueue,
  Chance,
  FetchOutput,
  Log,
  ObjectStore,
  ReplicateClient,
  Time,
  WithTemporaryFile,
} from '../ports.ts';
import type { Range } from '../records/blocks.ts';
import { type Plan, planKeeper } from '../records/plan.ts';
import { type Environment, listSetting, numberSetting } from '../settings.ts';
import { cellMessages } from './cell-messages.ts';

export interface PollPorts {
  store: ObjectStore;
  backup: ObjectStore;
  queue: CellQueue;
  polls: CellQueue;
  replicate: ReplicateClient;
  fetchOutput: FetchOutput;
  withTemporaryFile: WithTemporaryFile;
  time: Time;
  chance: Chance;
  log: Log;
}

/** Messages of `polls`: look after what was asked for, end what was canceled, and sum up what is finished. */
export function createPoll(ports: PollPorts, env: Environment) {
  const plansOf = planKeeper();
  const deps = {
    ...ports,
    onFound: (cell: number) => ports.log.info(COUNTED.polled, { found: cell }),
    origins: listSetting(env, 'OUTPUT_ORIGINS'),
    maxImageBytes: numberSetting(env, 'MAX_IMAGE_BYTES'),
    overdueMs: numberSetting(env, 'OVERDUE_SECONDS') * 1_000,
    resendMs: numberSetting(env, 'RESEND_SECONDS') * 1_000,
  };
  return cellMessages(ports, env, async (message, turn, signal) => {
    const store = ports.store.within(signal);
    const backup = ports.backup.within(signal);
    const ofTurn = {
      store,
      readPlan: plansOf(store),
      sumUp: (plan: Plan, blocks: readonly Range[]) =>
        sumUp({ ...ports, images: store, backup }, plan, blocks),
    };
    const { faults } = await pollTurn({ ...deps, ...ofTurn }, message, turn);
    // A chain has sent its next message; what only looked once has to come back.
    return { faults, isDone: faults.length === 0 || message.link !== undefined };
  });
}
