/** An emulator in a process of its own, so that a test can kill it without warning. Arguments: its data folder, and the folder of what its functions record. */
import { startEmulator } from './emulator.ts';
import { recordingStack } from './small-stack.ts';

const [dataDir = '', records = dataDir] = process.argv.slice(2);
const { aws } = await startEmulator(dataDir, { stack: recordingStack(records) });
console.log(aws);
