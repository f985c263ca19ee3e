import { words } from '../words/rate.ts';
import { type RateApi, RateError } from './routes.ts';

export function rateApi(token: string): RateApi {
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    // Kept alive: answers that are sent while the tab closes still arrive.
    const response = await fetch(path, { ...init, headers, keepalive: init.method !== undefined }).catch(
      () => undefined,
    );
    if (!response) throw new RateError(0, navigator.onLine ? words.noAnswer : words.offline);
    if (response.ok) return response;
    const members: RateError['members'] = await response.json().catch(() => ({}));
    throw new RateError(response.status, members.detail ?? words.unexpected(response.status), members);
  };
  return {
    readPage: async (place) => (await send(`/api/rate?cursor=${place}`)).json(),
    store: async (seq, answers, consent) => {
      const body = JSON.stringify({ consent, answers });
      await send(`/api/rate/labels/${String(seq).padStart(5, '0')}`, { method: 'PUT', body });
    },
    report: async (item) => {
      await send('/api/rate/reports', { method: 'POST', body: JSON.stringify({ item }) });
    },
  };
}
