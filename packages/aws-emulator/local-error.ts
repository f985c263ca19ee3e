/** An error that the person at this machine can fix; the message says how, without a stack trace. */
export class LocalError extends Error {
  override name = 'LocalError';
}
