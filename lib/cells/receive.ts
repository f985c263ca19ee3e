import { Refusal } from '../errors.ts';
import type { SecretReader } from '../ports.ts';
import { isBound } from '../records/binding.ts';
import { deletedKey, isAuditId, parseCellName } from '../records/keys.ts';
import type { Plan } from '../records/plan.ts';
import { hasEnded, type Prediction, parsePrediction } from '../replicate/prediction.ts';
import { type Delivery, parseSecrets, signatureOf, verifyDelivery } from '../replicate/webhook.ts';
import { type FinishDeps, type Finished, finishCell } from './finish.ts';

export interface ReceiveDeps extends FinishDeps {
  readPlan: (audit: string) => Promise<Plan | undefined>;
  secrets: SecretReader;
}

/** `not ended`: the prediction is still running; nothing was stored. */
export type Received = Finished | 'not ended';

/**
 * Takes a webhook's delivery. It is believed by its signature, and it is about the cell that the signed body
 * itself names, which must be the one in the path. `finishCell` decides that a late or second one changes nothing.
 * @param path the parts of the request path, as they came
 * @throws {Refusal} where sending it again cannot help; anything else is worth another delivery
 */
export async function receiveWebhook(
  deps: ReceiveDeps,
  path: { audit: string; cell: string },
  delivery: Delivery,
  signal: AbortSignal,
): Promise<Received> {
  const prediction = parsePrediction(await verified(deps, delivery));
  const cell = parseCellName(path.cell);
  if (!isAuditId(path.audit) || cell === undefined)
    throw new Refusal(404, 'this address does not name a cell');
  const plan = await deps.readPlan(path.audit);
  if (!plan) {
    if (await deps.store.exists(deletedKey(path.audit))) return 'deleted';
    throw new Refusal(404, 'there is no such audit');
  }
  if (cell >= plan.cells) throw new Refusal(404, 'the audit has no such cell');
  await requireSameCell(deps, path, cell, prediction);
  if (!hasEnded(prediction)) return 'not ended';
  return finishCell(deps, { plan, n: cell, prediction, signal });
}

/** During a rotation the cached list may lack the new secret, so it is read again before a webhook is refused. */
async function verified({ secrets, time }: ReceiveDeps, delivery: Delivery): Promise<unknown> {
  // What was never signed is no reason to read anything.
  signatureOf(delivery.headers);
  try {
    return verifyDelivery(delivery, parseSecrets(await secrets()), time.now());
  } catch (error) {
    if (error instanceof Refusal && error.status !== 401) throw error;
    return verifyDelivery(delivery, parseSecrets(await secrets({ refresh: true })), time.now());
  }
}

const ADDRESS = /\/webhooks\/replicate\/([^/?#]+)\/([^/?#]+)$/;

/** A signed body is only good for the cell that it was signed for. */
async function requireSameCell(
  { store }: ReceiveDeps,
  path: { audit: string; cell: string },
  cell: number,
  prediction: Prediction,
): Promise<void> {
  if (prediction.webhook) {
    const [, audit, name] = ADDRESS.exec(prediction.webhook) ?? [];
    if (audit !== path.audit || name !== path.cell)
      throw new Refusal(403, 'the signed body names another cell than this address');
    return;
  }
  if (!(await isBound(store, path.audit, cell, prediction.id)))
    throw new Refusal(403, 'the signed body does not name its cell, and its prediction is not the bound one');
}
