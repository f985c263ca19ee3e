/** A fault that was injected. With these the ledger explains second predictions and dead letters. */
export interface Injected {
  /** Milliseconds since 1970. */
  at: number;
  place: 's3' | 'replicate' | 'webhook' | 'download' | 'event' | 'queue' | 'function';
  kind: string;
  /** The key, the prediction, the cell or the function that it hit. */
  subject: string;
  /** The function whose request it hit. */
  by?: string;
}

/** All faults of a run. */
export class FaultRecord {
  readonly entries: Injected[] = [];
  /** Hex SHA-256 of files that were cut by a Content-Length that was too small, by `prediction/file`. */
  readonly shortened = new Map<string, Set<string>>();
  /** Predictions whose outputs can never be downloaded. */
  readonly gone = new Set<string>();

  add(place: Injected['place'], kind: string, subject: string, by?: string): void {
    this.entries.push({ at: Date.now(), place, kind, subject, ...(by === undefined ? {} : { by }) });
  }

  /** How often each kind was injected, by `place: kind`. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { place, kind } of this.entries) {
      const name = `${place}: ${kind}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return new Map([...counts].sort());
  }
}
