/** Something the person at this machine can mend; the message says what and how, and needs no stack trace. */
export class LocalError extends Error {
  override name = 'LocalError';
}
