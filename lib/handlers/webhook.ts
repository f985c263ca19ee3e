import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { receiveWebhook } from '../cells/receive.ts';
import { Refusal } from '../errors.ts';
import { bodyOf } from '../http/body.ts';
import { type HttpResponse, jsonResponse, problemResponse } from '../http/problem.ts';
import { COUNTED } from '../log-lines.ts';
import type { FetchOutput, Log, ObjectStore, SecretReader, Time } from '../ports.ts';
import { planKeeper } from '../records/plan.ts';
import { type Environment, listSetting, numberSetting } from '../settings.ts';

/** Replicate wants an answer within a few seconds; what takes longer is finished by the queue. */
const TIME_MS = 10_000;

export interface WebhookPorts {
  store: ObjectStore;
  secrets: SecretReader;
  fetchOutput: FetchOutput;
  time: Time;
  log: Log;
}

/** Replicate says that a prediction has ended: store what it made. 2xx only when all of it is durable. */
export function createWebhook(ports: WebhookPorts, env: Environment) {
  const { time, log } = ports;
  const plansOf = planKeeper();
  const deps = {
    ...ports,
    origins: listSetting(env, 'OUTPUT_ORIGINS'),
    maxImageBytes: numberSetting(env, 'MAX_IMAGE_BYTES'),
  };

  return async (event: APIGatewayProxyEventV2): Promise<HttpResponse> => {
    const { audit = '', cell = '' } = event.pathParameters ?? {};
    log.resetKeys();
    log.appendKeys({ audit: audit.slice(0, 40), cell: cell.slice(0, 10) });
    const delivery = { headers: event.headers, body: bodyOf(event) };
    const signal = time.timeout(TIME_MS);
    const store = ports.store.within(signal);
    try {
      const outcome = await receiveWebhook(
        { ...deps, store, readPlan: plansOf(store) },
        { audit, cell },
        delivery,
        signal,
      );
      if (outcome === 'stored') log.info(COUNTED.received);
      else if (outcome !== 'already') log.warn(`webhook: ${outcome}`);
      return jsonResponse(200, { outcome });
    } catch (error) {
      if (error instanceof Refusal) {
        log.warn('webhook refused', { status: error.status, reason: error.message });
        return problemResponse(error);
      }
      log.error('webhook not finished: Replicate sends it again, or dispatch polls', { error });
      return problemResponse(new Refusal(503, 'Not everything is stored yet. Send it again.'));
    }
  };
}
