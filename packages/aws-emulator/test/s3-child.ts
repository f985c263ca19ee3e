/** A local S3 in a process of its own, so that it can be killed and its memory measured. Arguments: data folder, `hang` to take no events. */
import { startEndpoint } from './s3-endpoint.ts';

const [dataDir, mode] = process.argv.slice(2);
const endpoint = await startEndpoint({
  dataDir: dataDir!,
  ...(mode === 'hang' && { onEvent: () => new Promise<void>(() => {}) }),
});
process.on('message', () => process.send?.({ maxRssKb: process.resourceUsage().maxRSS }));
process.send?.({ url: endpoint.url });
