import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { callerOf } from '@weaudit/aws-emulator/iam';
import { strike } from '../chance.ts';
import type { World } from './world.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Percent of the requests that functions make. */
const SHARES = {
  'slow down': 1,
  'internal error': 0.7,
  conflict: 0.7,
  slow: 1,
  'request cut': 0.4,
  'answer cut': 0.4,
  'answer lost': 0.7,
};
/** Percent of the keys that S3 refuses several times in a row, so that the SDK's own retries do not help. */
const STUBBORN_SHARE = 0.4;
const STUBBORN_TIMES = 4;

const ERRORS = {
  'slow down': [503, 'SlowDown', 'Please reduce your request rate.'],
  'internal error': [500, 'InternalError', 'We encountered an internal error. Please try again.'],
  conflict: [
    409,
    'ConditionalRequestConflict',
    'The conditional request cannot succeed due to a conflicting operation against this resource.',
  ],
} as const;

/** S3 on a bad day, for functions only: the ledger reads the buckets without faults. */
export function s3Faults(world: World): (handle: Handle) => Handle {
  const { chance, record } = world;
  const refused = new Map<string, number>();
  return (handle) => async (request, response) => {
    const caller = callerOf(request);
    if (!world.on || caller === undefined) return handle(request, response);
    world.onRequest(caller);
    const method = request.method ?? '';
    const key = decodeURIComponent((request.url ?? '').split('?')[0] ?? '').replace(/^\/[^/]+\//, '');
    // The ID of the audit differs between runs. Chance must not.
    const subject = `${caller} ${method} ${key.replace(/[0-9a-z]{26}/, '-')}`;
    const conditional = 'if-none-match' in request.headers || 'if-match' in request.headers;
    const writes = method !== 'GET' && method !== 'HEAD';
    const stubborn =
      chance.of('stubborn', subject).unit() * 100 < STUBBORN_SHARE && refusals(subject) < STUBBORN_TIMES;
    const kind = stubborn ? 'internal error' : strike(chance.next('s3', subject), SHARES);
    if (kind === undefined || (kind === 'conflict' && !(conditional && method === 'PUT')))
      return handle(request, response);
    if (kind === 'answer lost' && !writes) return handle(request, response);
    if (kind === 'request cut' && method !== 'PUT') return handle(request, response);
    if (kind === 'answer cut' && method !== 'GET') return handle(request, response);

    record.add('s3', stubborn ? 'refuses again and again' : kind, key, caller);
    switch (kind) {
      case 'slow':
        await wait(100 + chance.next('how slow', subject).unit() * 1_400);
        return handle(request, response);
      case 'request cut':
        setTimeout(() => request.socket.destroy(), chance.next('when cut', subject).unit() * 4);
        return handle(request, response);
      case 'answer cut':
        return handle(request, cutHalfWay(request, response));
      case 'answer lost':
        return handle(request, loseAnswer(request, response));
      default: {
        const [status, code, message] = ERRORS[kind];
        request.resume();
        response.writeHead(status, { 'content-type': 'application/xml' });
        response.end(
          method === 'HEAD'
            ? undefined
            : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
        );
      }
    }
  };

  /** How often a key has been refused so far. */
  function refusals(subject: string): number {
    const before = refused.get(subject) ?? 0;
    refused.set(subject, before + 1);
    return before;
  }
}

/** Half of the first chunk of the body arrives, then the connection breaks. */
function cutHalfWay(request: IncomingMessage, response: ServerResponse): ServerResponse {
  const write = response.write.bind(response);
  const cut = (piece: unknown) => {
    if (typeof piece === 'string' || piece instanceof Uint8Array) {
      const bytes = Buffer.from(piece as Uint8Array);
      write(bytes.subarray(0, bytes.length >> 1), () => request.socket.destroy());
    } else request.socket.destroy();
  };
  response.write = ((piece: unknown) => {
    cut(piece);
    return true;
  }) as ServerResponse['write'];
  response.end = ((piece: unknown) => {
    cut(piece);
    return response;
  }) as ServerResponse['end'];
  return response;
}

/** S3 does the work, and the answer is lost. */
function loseAnswer(request: IncomingMessage, response: ServerResponse): ServerResponse {
  response.writeHead = (() => response) as ServerResponse['writeHead'];
  response.write = (() => true) as ServerResponse['write'];
  response.end = (() => {
    request.socket.destroy();
    return response;
  }) as ServerResponse['end'];
  return response;
}
