import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { advanceRange } from '../cells/advance.ts';
import { Pacer } from '../cells/pacer.ts';
import { COUNTED } from '../log-lines.ts';
import type { CellQueue, Chance, FetchOutput, Log, ObjectStore, ReplicateClient, Time } from '../ports.ts';
import { parseRange } from '../records/blocks.ts';
import { planReader } from '../records/plan.ts';
import { type Environment, listSetting, numberSetting, setting } from '../settings.ts';

/** Time that is kept for cells under way, the rest of the range, and the lease. */
const RESERVE_MS = 8_000;
/** Faults of one range that are logged: those of a hundred cells are mostly the same. */
const LOGGED_FAULTS = 3;

export interface DispatchPorts {
  store: ObjectStore;
  queue: CellQueue;
  replicate: ReplicateClient;
  fetchOutput: FetchOutput;
  time: Time;
  chance: Chance;
  log: Log;
}

/** Ranges of cells from the queue: advance each. A message is gone only when nothing of it is lost. */
export function createDispatch(ports: DispatchPorts, env: Environment) {
  const { store, queue, time, log } = ports;
  const lastDelivery = numberSetting(env, 'MAX_RECEIVE_COUNT');
  const deps = {
    ...ports,
    readPlan: planReader(store),
    webhookUrl: setting(env, 'WEBHOOK_URL'),
    origins: listSetting(env, 'OUTPUT_ORIGINS'),
    maxImageBytes: numberSetting(env, 'MAX_IMAGE_BYTES'),
    overdueMs: numberSetting(env, 'OVERDUE_SECONDS') * 1_000,
    // The account's rate is shared by the functions that run at once.
    pacer: new Pacer(
      time,
      numberSetting(env, 'CREATES_PER_MINUTE'),
      numberSetting(env, 'DISPATCH_CONCURRENCY'),
    ),
    onSuperfluous: (cell: number, predictionId: string) =>
      log.warn('a second prediction for a cell was canceled', { cell, predictionId }),
  };

  async function advance(record: SQSRecord, context: Context): Promise<boolean> {
    const range = parseRange(record.body);
    log.resetKeys();
    if (!range) {
      const { messageId } = record;
      log.error('the message is not a range of cells; it becomes a dead letter', { messageId });
      return false;
    }
    log.appendKeys({ audit: range.audit, cell: `${range.from}-${range.to}` });
    const endsAt = time.now().getTime() + context.getRemainingTimeInMillis();
    const turn = {
      stopAt: new Date(endsAt - RESERVE_MS),
      endsAt: new Date(endsAt),
      last: Number(record.attributes.ApproximateReceiveCount) >= lastDelivery,
    };
    try {
      const { rest, faults, asked, waitedFor } = await advanceRange(deps, range, turn);
      if (asked > 0) log.info(COUNTED.asked, { asked });
      if (waitedFor) log.warn(COUNTED.waiting, { why: waitedFor });
      if (rest) await queue.send([rest.range], rest.delaySeconds);
      for (const { cell, error } of faults.slice(0, LOGGED_FAULTS))
        log.error('the cell could not be advanced', { cell, error });
      return faults.length === 0;
    } catch (error) {
      log.error('the range could not be advanced', { error });
      return false;
    }
  }

  return async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const failed: SQSRecord[] = [];
    for (const record of event.Records) if (!(await advance(record, context))) failed.push(record);
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}
