import { messageOf } from '../errors.ts';
import { modelCeiling } from '../money/cost.ts';
import { noteExtra } from '../money/spent.ts';
import type { Log, ObjectStore, ReplicateClient, Time } from '../ports.ts';
import { type CellRef, type ClosedBinding, createBinding, isClosed } from '../records/binding.ts';
import { cellName } from '../records/keys.ts';
import { type Cell, cellRedactor, inputOf, type Plan } from '../records/plan.ts';
import { recordResult } from '../records/result.ts';
import type { WaitingReason } from '../records/waiting.ts';
import { ReplicateRefusal } from '../replicate/errors.ts';
import { redactError } from '../replicate/fingerprints.ts';
import { closedResult } from './derive.ts';
import type { Filled } from './fill-secrets.ts';

/** Replicate will not take the request now, but later: the rate limit, the account's credit, its token. */
export class MustWait extends Error {
  override name = 'MustWait';
  readonly seconds: number;
  readonly why: WaitingReason;
  constructor(why: WaitingReason, detail: string, seconds: number) {
    super(detail);
    this.why = why;
    this.seconds = seconds;
  }
}

const WAITING: Record<number, WaitingReason> = { 401: 'token', 402: 'credit', 429: 'rate limit' };
/** A prediction was made and could not be recorded: its webhook will bind it. */
export class Unrecorded extends Error {
  override name = 'Unrecorded';
}

/** No retry changes these: the request itself is wrong, or there is no such model. */
const FINAL = [400, 404, 413, 422];
/** Where Replicate does not say when to come back. Credit, tokens and secrets need a person. */
export const DEFAULT_WAIT_SECONDS: Record<WaitingReason, number> = {
  token: 60,
  credit: 60,
  secret: 60,
  'rate limit': 10,
};

/** What an error says about waiting; undefined for any that says nothing. */
export function waitingOf(error: unknown): MustWait | undefined {
  if (!(error instanceof ReplicateRefusal)) return undefined;
  const why = WAITING[error.status];
  return why && new MustWait(why, error.message, error.retryAfter ?? DEFAULT_WAIT_SECONDS[why]);
}

export interface AskDeps {
  store: ObjectStore;
  replicate: ReplicateClient;
  /** Public base address of the webhook function. */
  webhookUrl: string;
  time: Time;
  /** Called with each prediction that was created for a cell that already has one. */
  onSuperfluous: (cell: number, predictionId: string) => void;
  log: Pick<Log, 'warn'>;
}

/** The address that Replicate answers a cell to; the webhook compares it with the one in the signed body. */
export const webhookAddress = (base: string, audit: string, cell: number) =>
  `${base}/webhooks/replicate/${audit}/${cellName(cell)}`;

/**
 * Asks Replicate for a cell and binds the prediction to it. A refusal that no retry changes ends the cell with
 * Replicate's words.
 * @param secrets what stands for the inputs that name secrets
 * @param signal ends the request in time to record what it brought
 * @throws {MustWait}, {Unrecorded}, {ReplicateRefusal} for what may pass, and whatever leaves open whether it was accepted
 */
export async function askCell(
  { store, replicate, webhookUrl, time, onSuperfluous, log }: AskDeps,
  plan: Plan,
  cell: Cell,
  attempt: number,
  secrets: Filled,
  signal: AbortSignal,
): Promise<void> {
  const { model } = cell;
  // Replicate's words may repeat what it was sent, and they end in records and logs.
  const clean = (error: unknown) => redactError(redactError(error, secrets.redact), cellRedactor(plan, cell));
  let id: string;
  try {
    id = await replicate.create({
      version: model.version === null ? model.model : `${model.model}:${model.version}`,
      input: { ...inputOf(plan, cell), ...secrets.input },
      webhook: webhookAddress(webhookUrl, plan.id, cell.n),
      signal,
    });
  } catch (thrown) {
    const error = clean(thrown);
    if (!(error instanceof ReplicateRefusal && FINAL.includes(error.status))) throw waitingOf(error) ?? error;
    const why = `Replicate refused: ${error.message}`;
    return closeCell(store, { plan, n: cell.n }, attempt, closing('failed', why, time));
  }
  try {
    const bound = { predictionId: id, askedAt: time.now().toISOString(), attempt };
    const binding = await createBinding(store, { plan, n: cell.n }, attempt, bound);
    if (isClosed(binding) || binding.predictionId !== id) {
      onSuperfluous(cell.n, id);
      // At most; its webhook says what it was.
      await noteExtra({ store, log }, plan, model, id, modelCeiling(plan, model), { isMost: true });
      await replicate.cancel(id);
    }
  } catch (thrown) {
    const error = clean(thrown);
    throw new Unrecorded(`prediction ${id} was created, but not recorded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

export const closing = (closed: ClosedBinding['closed'], error: string, time: Time): ClosedBinding => ({
  closed,
  error,
  closedAt: time.now().toISOString(),
});

/** Ends a cell without a prediction, unless one was bound to it in the meantime. */
export async function closeCell(
  store: ObjectStore,
  cell: CellRef & { plan: Plan },
  attempt: number,
  wanted: ClosedBinding,
): Promise<void> {
  const binding = await createBinding(store, cell, attempt, wanted);
  if (isClosed(binding)) await recordResult(store, cell.plan, closedResult(cell.plan, cell.n, binding));
}
