import type { Happening } from './happenings.ts';
import type { Call, Fate } from './weather.ts';

/** Kinds of the keys that were asked about last: most keys are called about many times. */
const KINDS = new Map<string, string>();
const MOST_KINDS = 20_000;

/** The kind of an object, by its key: what `docs/design.md` has a row for. */
export function kindOf(key: string): string {
  const known = KINDS.get(key);
  if (known !== undefined) return known;
  if (KINDS.size >= MOST_KINDS) KINDS.clear();
  const kind = readKind(key);
  KINDS.set(key, kind);
  return kind;
}

function readKind(key: string): string {
  return key
    .replace(/^[^:]+:/, '')
    .replace(/\bp[0-9a-f]{20}\b/, '<prediction>')
    .replace(/\d+\.png$/, '<i>.png')
    .replace(/\+\d+$/, '')
    .replace(/\b[0-9a-hjkmnp-tv-z]{26}\b/g, '<a>')
    .replace(/\b[0-9a-f]{64}\b/g, '<sha256>')
    .replace(/\b[0-9a-f]{32}\b/g, '<opaque>')
    .replace(/\/(labels|parts|people|withdrawn)\/\d+\.\d+/, '/$1/<rater>')
    .replace(/(\/slots\/)\d+\/\d*/, '$1<s>/<gen>')
    .replace(/\/\d\d\.json$/, '/<k>.json')
    .replace(/\bstudy-[0-9a-f]{20}\b/, '<study>')
    .replace(/\/\d{5}\b/g, '/<n>')
    .replace(/(\/failed\/<n>\.[a-z]+)(?:\.[a-z]+\d+)*(?:\.\d+)?$/, '$1')
    .replace(/<n>\/\d+$/, '<n>/<i>')
    .replace(/<n>\/\d+\..*$/, '<n>/<i>.<verdict>');
}

/** What the runs have tried: for each function, call and kind of key, the faults that it met. */
export class Coverage {
  /** `function · call · kind` → fate → how often. */
  readonly calls = new Map<string, Map<Fate, number>>();
  readonly happenings = new Map<Happening, number>();

  met(what: Happening): void {
    this.happenings.set(what, (this.happenings.get(what) ?? 0) + 1);
  }

  call({ functionKey, service, action, kind }: Call, fate: Fate): void {
    const name = `${functionKey} · ${service} ${action} · ${kind}`;
    let fates = this.calls.get(name);
    if (!fates) {
      fates = new Map();
      this.calls.set(name, fates);
    }
    fates.set(fate, (fates.get(fate) ?? 0) + 1);
  }

  /** Adds what another run tried. */
  merge(other: Pick<Coverage, 'calls' | 'happenings'>): void {
    for (const [name, fates] of other.calls) {
      const mine = this.calls.get(name) ?? new Map<Fate, number>();
      for (const [fate, count] of fates) mine.set(fate, (mine.get(fate) ?? 0) + count);
      this.calls.set(name, mine);
    }
    for (const [what, count] of other.happenings)
      this.happenings.set(what, (this.happenings.get(what) ?? 0) + count);
  }
}
