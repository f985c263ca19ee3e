import { setTimeout as wait } from 'node:timers/promises';
import type { Cloud } from './cloud.ts';
import { LOCAL_TOKENS } from './secrets.ts';

const LIMIT_MS = 120_000;

export interface DemoOutcome {
  id: string;
  pictures: number;
}

/**
 * Runs a small audit and waits for its manifest.
 * @returns undefined when the cloud stops first
 * @throws Error when it does not finish within two minutes
 */
export async function runDemo(cloud: Cloud, signal: AbortSignal): Promise<DemoOutcome | undefined> {
  const models =
    cloud.stack.functions.find(({ key }) => key === 'api')?.environment.METRICS_MODELS?.split(',') ?? [];
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${cloud.endpoints.api}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${LOCAL_TOKENS.audit}`,
        'content-type': 'application/json',
        ...init.headers,
      },
      signal,
    });
    const body = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(String(body.detail ?? body.message ?? response.status));
    return body;
  };
  try {
    const { id, predictions } = await call('/api/audits', {
      method: 'POST',
      // The same audit again if a first start was interrupted.
      headers: { 'idempotency-key': 'demo' },
      body: JSON.stringify({
        name: 'Demo: who is a nurse, who is an engineer?',
        template: 'a photo of a {job} at work',
        factors: { job: ['nurse', 'engineer'] },
        models: models.slice(0, 1),
        samples: 2,
      }),
    });
    const until = Date.now() + LIMIT_MS;
    while (Date.now() < until) {
      const status = await call(`/api/audits/${String(id)}`);
      const counts = status.counts as Record<string, number>;
      if (status.manifest === true)
        return {
          id: String(id),
          pictures: (status.images as { ok: number } | undefined)?.ok ?? Number(predictions),
        };
      const ended = counts.waiting === 0 && counts.running === 0;
      // reconcile writes the manifest. It runs now instead of at the next full minute.
      if (ended && cloud.idle()) for (const schedule of cloud.stack.schedules) cloud.bus.fire(schedule);
      await wait(500, undefined, { signal });
    }
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
  throw new Error('it did not finish within two minutes');
}
