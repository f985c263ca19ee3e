import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import mime from 'mime-types';
import type { Plan, Prediction } from '../lib/contract/answers.ts';

const AUDIT = '7ychs9v1bzsamp1e0000000001';
const CREATED = { name: 'Benchmark', createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'bench' };

/** An audit of pictures in which every prediction succeeded. */
export interface Scene {
  prompts: Plan['prompts'];
  samples: number;
}

/** A picture and its rendition. */
export interface Pair {
  original: Buffer;
  /** Undefined as for images that were judged before there was a decoder. */
  rendition: Buffer | undefined;
}

/** Whether an address is that of an image or a rendition. */
export const isImage = (address: string): boolean => /\/(original|rendition)\//.test(address);

export interface PageServer {
  address(more: string): string;
  close(): Promise<void>;
}

/**
 * Serves a site, and an audit with its images.
 * @param pairs used in turn; each image has an address of its own
 */
export async function servePage(
  site: string,
  { prompts, samples }: Scene,
  pairs: Pair[],
): Promise<PageServer> {
  const cells = prompts.length * samples;
  const about = { ...CREATED, id: AUDIT, retention: 'short' };
  const model = { model: 'a/model', version: null, input: {}, inputs: null, seed: 'supported' };
  const plan = { ...about, seed: 1, samples, prompts, models: [model], input: {}, cells };
  const counts = { waiting: 0, running: 0, succeeded: cells, failed: 0, refused: 0, canceled: 0 };
  const images = { ok: cells, blank: 0, quarantined: 0, lost: 0, filtered: 0 };
  const status = { ...about, predictions: cells, state: 'finished', counts, images, manifest: true };
  const pairOf = (n: number) => pairs[n % pairs.length]!;
  const prediction = (n: number): Prediction => {
    const prompt = prompts[Math.floor(n / samples)]!;
    const { original, rendition } = pairOf(n);
    return {
      ...{
        n,
        prompt: prompt.text,
        ...(prompt.factors ? { factors: prompt.factors } : {}),
        model: model.model,
      },
      ...{ version: 'undisclosed', sample: n % samples, seed: n, seedSource: 'sent', status: 'succeeded' },
      ...{ asked: 1, returned: 1, filtered: 0 },
      images: [
        {
          ...{ index: 0, key: `images/${AUDIT}/${n}/0`, sha256: String(n).padStart(64, '0') },
          ...{ bytes: original.length, contentType: 'image/png', status: 'ok', format: 'png' },
          url: `${origin}/original/${n}`,
          ...(rendition ? { rendition: `${origin}/rendition/${n}` } : {}),
        },
      ],
    };
  };
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://page');
    const [, folder = '', name = ''] = url.pathname.split('/');
    const headers = { 'cache-control': 'private, max-age=3600' };
    const image = (type: string, body: Buffer) =>
      response.writeHead(200, { ...headers, 'content-type': type }).end(body);
    /** Compressed, as the API and CloudFront do. */
    const send = (type: string, body: Buffer | string) =>
      response
        .writeHead(200, { ...headers, 'content-type': type, 'content-encoding': 'gzip' })
        .end(gzipSync(body));
    if (folder === 'original') return image('image/png', pairOf(Number(name)).original);
    if (folder === 'rendition') return image('image/webp', pairOf(Number(name)).rendition!);
    if (folder !== 'api') {
      const file = path.join(site, url.pathname);
      return send(mime.lookup(file) || 'text/html', await readFile(file).catch(() => ''));
    }
    if (url.pathname.endsWith('/plan')) return send('application/json', JSON.stringify(plan));
    if (!url.pathname.endsWith('/predictions')) return send('application/json', JSON.stringify(status));
    const from = Number(url.searchParams.get('cursor'));
    const to = Math.min(cells, from + Number(url.searchParams.get('limit')));
    const predictions = Array.from({ length: to - from }, (_, i) => prediction(from + i));
    return send('application/json', JSON.stringify({ predictions }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address: (more) => `${origin}/audit.html?id=${AUDIT}${more}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
