import { createHash } from 'node:crypto';
import type { StandInEvent } from '@weaudit/replicate-stand-in';
import type { Output, Prediction } from '../../ledger/facts.ts';
import type { FaultRecord } from '../faults/record.ts';

/** A prediction as the stand-in's log has it. */
export interface Made extends Prediction {
  outputs: (Output & { path: string })[];
  /** Attempts to deliver its webhook, and whether one was accepted. */
  webhooks: { attempts: number; accepted: boolean };
}

/**
 * The predictions of an audit that the stand-in created, in the order of creation. An output that was never downloaded
 * whole has an empty SHA-256.
 */
export function predictionsOf(log: readonly StandInEvent[], audit: string, faults?: FaultRecord): Made[] {
  const byId = new Map<string, Made>();
  const downloaded = new Map<string, string>();
  for (const entry of log) {
    if (entry.kind === 'create') {
      const [, of, cell = ''] = /\/webhooks\/replicate\/([^/]+)\/(\d{5})$/.exec(entry.webhook ?? '') ?? [];
      if (of !== audit) continue;
      byId.set(entry.prediction, {
        id: entry.prediction,
        cell: Number(cell),
        createdAt: Date.parse(entry.at),
        completedAt: undefined,
        status: 'starting',
        error: null,
        input: entry.input,
        outputs: [],
        webhooks: { attempts: 0, accepted: false },
      });
    } else if (entry.kind === 'download') {
      if (entry.sha256 !== null) downloaded.set(`/outputs/${entry.prediction}/${entry.file}`, entry.sha256);
    } else if (entry.kind === 'terminal' || entry.kind === 'webhook') {
      const made = byId.get(entry.prediction);
      if (!made) continue;
      if (entry.kind === 'terminal') {
        made.completedAt = Date.parse(entry.at);
        made.status = entry.status;
        made.error = entry.error;
        made.outputs = entry.outputs.map(({ path, sha256 }) => ({
          path,
          sha256: sha256 ?? '',
          cut: faults?.shortened.get(path.replace(/^\/outputs\//, '')),
          gone: faults?.gone.has(made.id) === true,
        }));
      } else {
        made.webhooks.attempts = Math.max(made.webhooks.attempts, entry.attempt);
        made.webhooks.accepted ||= entry.status !== null && entry.status < 400;
      }
    }
  }
  for (const { outputs } of byId.values())
    for (const output of outputs) output.sha256 ||= downloaded.get(output.path) ?? '';
  return [...byId.values()];
}

/** Downloads what nobody has downloaded whole, to know its hash. @param replicate the stand-in's address */
export async function completeHashes(made: readonly Made[], replicate: string): Promise<void> {
  for (const output of made.flatMap(({ outputs }) => outputs)) {
    if (output.sha256 !== '' || output.gone) continue;
    const bytes = new Uint8Array(await (await fetch(`${replicate}${output.path}`)).arrayBuffer());
    output.sha256 = createHash('sha256').update(bytes).digest('hex');
  }
}
