/** A stand-in in a process of its own. Arguments: its data folder, its token. It prints its address. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { openStandIn, type StandIn } from '../server.ts';

const [dataDir = '', token = ''] = process.argv.slice(2);
let standIn: StandIn | undefined;
const server = http.createServer((request, response) => void standIn?.handle(request, response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
standIn = await openStandIn({
  dataDir,
  baseUrl,
  token,
  webhookSecret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  createsPerMinute: 60_000,
  seconds: 0.3,
});
console.log(baseUrl);
