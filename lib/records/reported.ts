import type { ObjectStore } from '../ports.ts';
import { reportedPrefix } from './keys.ts';

/** The pictures of a round that raters are not shown, by their opaque names: a LIST. */
export async function hiddenItems(store: ObjectStore, round: string): Promise<Set<string>> {
  const prefix = reportedPrefix(round);
  const names = new Set<string>();
  for await (const { key } of store.list(prefix)) names.add(key.slice(prefix.length));
  const hiding = [...names].filter((name) => !name.endsWith('.cleared') && !names.has(`${name}.cleared`));
  return new Set(hiding.map((name) => name.replace('.purged', '')));
}
