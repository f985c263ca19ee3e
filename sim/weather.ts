/** What happens to one call that a process makes. */
export type Fate =
  | 'answered'
  /** The process dies before the call leaves it, or when the call was carried out and its answer has not come. */
  | 'dies before'
  | 'dies after'
  /** The other side does not carry it out and says so (503), or does and its answer is lost. */
  | 'unavailable'
  | 'lost';

/** One call to a service. */
export interface Call {
  /** The function that makes it, by its key in serverless.yml. */
  functionKey: string;
  service: string;
  action: string;
  /** The kind of object that it is about. */
  kind: string;
}

/** Decides what happens to calls. */
export interface Weather {
  fateOf(call: Call): Fate;
  /** Milliseconds from a call to its answer, and whether that is unusually long. */
  latency(call: Call): { ms: number; isSlow: boolean };
}
