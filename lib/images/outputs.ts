import type { Prediction } from '../replicate/prediction.ts';

/** Most outputs of one prediction that are stored; what is beyond them is named in the result. */
export const MAX_OUTPUTS = 100;
const MAX_DEPTH = 4;
/** Anything that starts like an address is one, `file:` and `ftp:` too: the origin check refuses it by name. */
const ADDRESS = /^[a-z][a-z0-9+.-]*:[^\s]/i;

/** The addresses found, at most {@link MAX_OUTPUTS}, and how many there were in all. */
export interface Outputs {
  addresses: string[];
  returned: number;
}

/**
 * Every address in an output, in order: of an array of URLs, one URL, an object whose values hold URLs, or
 * `data:` URIs. Other strings (a caption, say) are no images.
 */
export function outputsOf({ output }: Pick<Prediction, 'output'>): Outputs {
  const addresses: string[] = [];
  let returned = 0;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === 'string') {
      if (!ADDRESS.test(value)) return;
      returned++;
      if (addresses.length < MAX_OUTPUTS) addresses.push(value);
    } else if (typeof value === 'object' && value !== null && depth < MAX_DEPTH) {
      for (const member of Object.values(value)) visit(member, depth + 1);
    }
  };
  visit(output, 0);
  return { addresses, returned };
}
