/** A fault that was brought about. The ledger explains with these what it would otherwise call a loss. */
export interface Injected {
  /** Milliseconds since 1970. */
  at: number;
  place: 's3' | 'replicate' | 'webhook' | 'download' | 'event' | 'queue' | 'function';
  kind: string;
  /** The key, the prediction, the cell or the function that it struck. */
  subject: string;
  /** The function whose request it struck. */
  by?: string;
}

/** Everything that was brought about in a run. */
export class FaultRecord {
  readonly entries: Injected[] = [];
  /** Hex SHA-256 of what an answer held that was cut by its own Content-Length, by `prediction/file`. */
  readonly shortened = new Map<string, Set<string>>();
  /** Predictions whose outputs are never to be had. */
  readonly gone = new Set<string>();

  add(place: Injected['place'], kind: string, subject: string, by?: string): void {
    this.entries.push({ at: Date.now(), place, kind, subject, ...(by === undefined ? {} : { by }) });
  }

  /** How often each kind was brought about, by `place: kind`. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { place, kind } of this.entries) {
      const name = `${place}: ${kind}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return new Map([...counts].sort());
  }
}
