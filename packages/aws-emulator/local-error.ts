/** A problem that the person at this machine can fix. The message says what and how; no stack trace is shown. */
export class LocalError extends Error {
  override name = 'LocalError';
}
