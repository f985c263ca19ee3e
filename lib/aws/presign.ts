import type { ObjectStore } from './objects.ts';
import { SignedGets } from './signed-gets.ts';

const HOUR_MS = 3_600_000;
/** Objects never change, and a browser asks again for what has no such header. */
const CACHE = 'private, max-age=3600, immutable';

/**
 * Addresses at which a browser may read an object. They are signed as of the full hour and live for two, so that
 * within an hour the address is the same, a browser can cache it, and it always lives for an hour more. Whether
 * the object may be read is decided when it is read: the bucket shows nobody an image that is not `ok`.
 */
export function presigner({ client, bucket }: ObjectStore, now: () => Date) {
  const gets = new SignedGets(client, bucket);
  return (key: string): Promise<string> =>
    gets.presign(
      key,
      { 'response-cache-control': CACHE },
      {
        signingDate: new Date(Math.floor(now().getTime() / HOUR_MS) * HOUR_MS),
        expiresIn: (2 * HOUR_MS) / 1_000,
      },
    );
}
