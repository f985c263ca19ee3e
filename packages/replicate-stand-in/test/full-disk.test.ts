import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { canMount, smallDisk } from '../../../test/support/small-disk.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

const TOKEN = 'r8_simulated';
const CREATED = 201;

(canMount ? test : test.skip)(
  'a full disk is answered with 503; with room again every accepted prediction ends, and its webhook comes',
  async () => {
    const delivered = new Set<string>();
    const receiver = http.createServer(async (request, response) => {
      let body = '';
      for await (const piece of request) body += String(piece);
      delivered.add(JSON.parse(body).id);
      response.end();
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const disk = await smallDisk(3);
    const script = path.join(import.meta.dirname, 'stand-in-child.ts');
    const child = disk.run(script, path.join(disk.folder, 'data'), TOKEN);
    let said = '';
    child.stderr!.on('data', (text) => (said += text));
    try {
      const [origin] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
      const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
      const model = await fetch(`${origin}/v1/models/simulated/portrait`, { headers });
      const version = ((await model.json()) as { latest_version: { id: string } }).latest_version.id;
      const create = async (): Promise<{ status: number; id: string }> => {
        const answer = await fetch(`${origin}/v1/predictions`, {
          method: 'POST',
          headers,
          body: JSON.stringify({
            version,
            input: { prompt: 'a nurse' },
            webhook: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
            webhook_events_filter: ['completed'],
          }),
        });
        return { status: answer.status, id: ((await answer.json()) as { id: string }).id };
      };
      const accepted: string[] = [];
      for (let refused = 0, count = 0; refused < 3; count += 1) {
        if (count === 10) disk.fill();
        const { status, id } = await create();
        expect([CREATED, 503]).toContain(status);
        if (status === CREATED) accepted.push(id);
        refused = status === CREATED ? 0 : refused + 1;
      }
      expect(accepted.length).toBeGreaterThanOrEqual(10);
      expect({ code: child.exitCode, said }).toEqual({ code: null, said: '' });
      disk.free();
      await waitFor('every webhook', () => accepted.every((id) => delivered.has(id)));
      expect((await create()).status).toBe(CREATED);
    } finally {
      child.kill('SIGKILL');
      receiver.close();
      await disk.end();
    }
  },
);
