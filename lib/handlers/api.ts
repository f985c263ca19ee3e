import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import type { HttpResponse } from '../http/problem.ts';
import { type ServeDeps, serve } from '../http/serve.ts';
import { planKeeper } from '../records/plan.ts';
import { roundKeeper } from '../records/round.ts';
import { type Environment, listSetting, numberSetting } from '../settings.ts';

/** Before Lambda ends the function, and API Gateway's patience of 30 s: so that the caller is told, and the log says why. */
const TIME_MS = 25_000;

export type ApiPorts = Omit<
  ServeDeps,
  'readPlan' | 'readRound' | 'models' | 'retentionDays' | 'uploadSeconds'
>;

/** The HTTP API. */
export function createApi(ports: ApiPorts, env: Environment) {
  const plansOf = planKeeper();
  const roundsOf = roundKeeper();
  const deps = {
    ...ports,
    models: listSetting(env, 'METRICS_MODELS'),
    retentionDays: {
      short: numberSetting(env, 'SHORT_DAYS'),
      standard: numberSetting(env, 'STANDARD_DAYS'),
    },
    // A deleted audit is swept for so long. By then no address may admit anything any more, and no upload be under way.
    uploadSeconds: Math.floor(numberSetting(env, 'SETTLE_SECONDS') / 2),
  };

  return (event: APIGatewayProxyEventV2, context: Pick<Context, 'awsRequestId'>): Promise<HttpResponse> => {
    ports.log.resetKeys();
    const store = ports.store.within(ports.time.timeout(TIME_MS));
    return serve({ ...deps, store, readPlan: plansOf(store), readRound: roundsOf(store) }, event, context);
  };
}
