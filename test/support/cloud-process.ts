/** A cloud in a process of its own, so that a test can kill it without warning. Prints its addresses as JSON. */
import { startCloud } from '../../local/cloud.ts';
import { recordingFunctions } from './cloud.ts';

const [dataDir = ''] = process.argv.slice(2);
const cloud = await startCloud({ dataDir, ...recordingFunctions(dataDir) });
console.log(JSON.stringify(cloud.endpoints));
