import type { Prediction } from '../replicate/prediction.ts';

/** Most outputs of one prediction that are stored; what is beyond them is named in the result. */
export const MAX_OUTPUTS = 100;
const MAX_DEPTH = 10;
/** Most values of an output that are looked at. */
const MAX_VALUES = 100_000;
const MAX_CAPTION = 1_000;
/** Blanks around it do not matter. `file:` and `ftp:` are addresses too: the origin check refuses them by name. */
const ADDRESS = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/\S|data:[^\s,][^,]*,|data:,)/i;

/** The addresses found, at most {@link MAX_OUTPUTS}, and how many there were in all. */
export interface Outputs {
  addresses: string[];
  returned: number;
  /** The output without the addresses: captions, a seed. Absent if nothing is left. */
  said?: unknown;
}

/**
 * Every address in an output, in order: of an array of URLs, one URL, an object whose values hold URLs, or
 * `data:` URIs, nested as they like. Other strings (a caption, say) are no images, whatever they begin with.
 */
export function outputsOf({ output }: Pick<Prediction, 'output'>): Outputs {
  const addresses: string[] = [];
  let returned = 0;
  let values = 0;
  const visit = (value: unknown, depth: number): unknown => {
    if (++values > MAX_VALUES) return undefined;
    if (typeof value === 'string') {
      if (!ADDRESS.test(value)) return value.trim() === '' ? undefined : value.slice(0, MAX_CAPTION);
      returned++;
      if (addresses.length < MAX_OUTPUTS) addresses.push(value.trim());
      return undefined;
    }
    if (typeof value !== 'object' || value === null) return value ?? undefined;
    if (depth >= MAX_DEPTH) return undefined;
    const left = Object.entries(value)
      .map(([name, member]) => [name, visit(member, depth + 1)] as const)
      .filter(([, member]) => member !== undefined);
    if (left.length === 0) return undefined;
    return Array.isArray(value) ? left.map(([, member]) => member) : Object.fromEntries(left);
  };
  const said = visit(output, 0);
  return { addresses, returned, ...(said === undefined ? {} : { said }) };
}
