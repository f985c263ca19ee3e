/**
 * For functions that move large bodies, which import this first. Streams leave buffers behind faster than a lazy
 * collector frees them: a young generation that never grows keeps them few. `NODE_OPTIONS=--max-semi-space-size`
 * would say the same, but Lambda's start script may give V8 its own value on the command line, which weighs more.
 * This flag is read at each growth, so it has to be there before the other modules let the generation grow.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--semi-space-growth-factor=1');
