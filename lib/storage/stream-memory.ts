import { setFlagsFromString } from 'node:v8';

/**
 * For functions that move large bodies. Streams leave buffers behind faster than a lazy collector frees them: a
 * young generation that never grows keeps them few. `NODE_OPTIONS=--max-semi-space-size` would say the same, but
 * Lambda's start script may give V8 its own value on the command line, which weighs more. Called when everything
 * is loaded: a changed flag makes V8 refuse the code cache of Node.js's own modules, which costs a cold start 25 ms.
 */
export const keepYoungGenerationSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1');
