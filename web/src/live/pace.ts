/** What decides when an audit is polled again. */
export interface Pulse {
  /** Whether cells are unfinished or the manifest is missing. */
  open: boolean;
  /** Whether only the manifest is missing, which takes some seconds. */
  onlyManifest: boolean;
  hidden: boolean;
  /** Polls in a row without news. */
  quiet: number;
  /** Polls in a row that failed. */
  failures: number;
}

const QUICK_MS = 2_000;
const SLOW_MS = 20_000;
const HIDDEN_MS = 60_000;
const MANIFEST_MS = 5_000;

/**
 * Milliseconds until the next poll, or undefined if there is nothing left to poll. Short while the audit changes,
 * longer while it does not, a minute while the page is hidden.
 */
export function nextPoll({ open, onlyManifest, hidden, quiet, failures }: Pulse): number | undefined {
  if (!open) return undefined;
  if (hidden) return HIDDEN_MS;
  if (failures > 0) return Math.min(HIDDEN_MS, QUICK_MS * 2 ** failures);
  if (onlyManifest) return MANIFEST_MS;
  return Math.min(SLOW_MS, Math.round(QUICK_MS * 1.4 ** quiet));
}
