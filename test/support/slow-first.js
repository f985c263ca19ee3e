import Sequencer from '@jest/test-sequencer';

/** What takes longest, by its folder. The rest follows. */
const SLOW = ['simulator', 'pipeline', 'browser'];

const rank = ({ path }) => {
  const place = SLOW.findIndex((folder) => path.split(/[\\/]/).includes(folder));
  return place === -1 ? SLOW.length : place;
};

/**
 * The order of test files. Jest begins with those that took longest last time. In a fresh clone it does not know that, and
 * begins with the largest file; but the smallest ones play worlds, and at the end one core would wait for the other.
 */
export default class SlowFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    const isKnown = sorted.some(({ duration }) => duration !== undefined);
    return isKnown ? sorted : sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}
