import { readSync, writeSync } from 'node:fs';
import nodeProcess from 'node:process';
import { answer, REQUEST_HEAD } from '../../lib/images/decode/frames.ts';

/** Runs in the decoder's place: it answers one image, and ends. */
const FOUND = {
  ...{ format: 'text', reason: 'not-an-image', width: 0, height: 0, animated: false, alpha: false },
  ...{ c2pa: false, blank: false, processorMs: 1, peakMemoryMb: 1 },
};
const nothing = Buffer.alloc(0);
writeSync(1, answer('', nothing));
const head = Buffer.alloc(REQUEST_HEAD);
if (readSync(0, head) === REQUEST_HEAD) {
  readSync(0, Buffer.alloc(head.readUInt32BE()));
  writeSync(1, answer(JSON.stringify(FOUND), nothing));
}
nodeProcess.exit(0);
