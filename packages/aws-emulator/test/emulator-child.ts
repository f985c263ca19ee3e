/** An emulator in a process of its own, so that a test can kill it without warning. Argument: its data folder. */
import { startEmulator } from './emulator.ts';
import { recordingStack } from './small-stack.ts';

const [dataDir = ''] = process.argv.slice(2);
const { aws } = await startEmulator(dataDir, { stack: recordingStack(dataDir) });
console.log(aws);
