import type { StandInEvent } from '@weaudit/replicate-stand-in';

/** An output as the stand-in made it. */
export interface Output {
  path: string;
  /** Hex; undefined if it was never downloaded whole. */
  sha256: string | undefined;
}

/** A prediction as the stand-in's log has it. */
export interface Made {
  id: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  input: unknown;
  /** Undefined while it runs. */
  end: { status: string; error: string | null; outputs: Output[] } | undefined;
  /** Attempts to deliver its webhook, and whether one was accepted. */
  webhooks: { attempts: number; accepted: boolean };
}

/** The predictions of an audit that the stand-in created: cell → its predictions, in the order of creation. */
export function predictionsOf(log: readonly StandInEvent[], audit: string): Map<number, Made[]> {
  const cells = new Map<number, Made[]>();
  const byId = new Map<string, Made>();
  const downloaded = new Map<string, string>();
  for (const entry of log) {
    if (entry.kind === 'create') {
      const [, of, cell = ''] = /\/webhooks\/replicate\/([^/]+)\/(\d{5})$/.exec(entry.webhook ?? '') ?? [];
      if (of !== audit) continue;
      const made: Made = {
        id: entry.prediction,
        createdAt: Date.parse(entry.at),
        input: entry.input,
        end: undefined,
        webhooks: { attempts: 0, accepted: false },
      };
      byId.set(made.id, made);
      cells.set(Number(cell), [...(cells.get(Number(cell)) ?? []), made]);
    } else if (entry.kind === 'terminal') {
      const made = byId.get(entry.prediction);
      if (made)
        made.end = {
          status: entry.status,
          error: entry.error,
          outputs: entry.outputs.map(({ path, sha256 }) => ({ path, sha256: sha256 ?? undefined })),
        };
    } else if (entry.kind === 'download') {
      if (entry.sha256 !== null) downloaded.set(`/outputs/${entry.prediction}/${entry.file}`, entry.sha256);
    } else if (entry.kind === 'webhook') {
      const made = byId.get(entry.prediction);
      if (!made) continue;
      made.webhooks.attempts = Math.max(made.webhooks.attempts, entry.attempt);
      made.webhooks.accepted ||= entry.status !== null && entry.status < 400;
    }
  }
  for (const { end } of byId.values())
    for (const output of end?.outputs ?? []) output.sha256 ??= downloaded.get(output.path);
  return cells;
}

/** The status that a result should have, from the status and the error that Replicate ended the prediction with. */
export function expectedStatus({ status, error, outputs }: NonNullable<Made['end']>): string {
  if (status === 'succeeded') return outputs.length > 0 ? 'succeeded' : 'failed';
  if (status === 'canceled') return 'canceled';
  return /E005|NSFW/.test(error ?? '') ? 'refused' : 'failed';
}
