/** What decides when an audit is asked after again. */
export interface Pulse {
  /** Cells still to end, or the manifest still to be written. */
  open: boolean;
  /** All cells have ended, only the manifest is missing: that takes minutes. */
  onlyManifest: boolean;
  hidden: boolean;
  /** Polls in a row that brought nothing new. */
  quiet: number;
  /** Polls in a row that failed. */
  failures: number;
}

const QUICK_MS = 2_000;
const SLOW_MS = 20_000;
const HIDDEN_MS = 60_000;
const MANIFEST_MS = 15_000;

/**
 * Milliseconds until the next poll; undefined: never again. Quick while things happen, slower while they do not,
 * seldom while nobody looks. A page that is looked at again polls at once.
 */
export function nextPoll({ open, onlyManifest, hidden, quiet, failures }: Pulse): number | undefined {
  if (!open) return undefined;
  if (hidden) return HIDDEN_MS;
  if (failures > 0) return Math.min(HIDDEN_MS, QUICK_MS * 2 ** failures);
  if (onlyManifest) return MANIFEST_MS;
  return Math.min(SLOW_MS, Math.round(QUICK_MS * 1.4 ** quiet));
}
