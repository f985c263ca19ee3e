import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { OF_STUDY } from '../../lib/download/study.ts';
import { CommandError, EXIT } from '../exit.ts';

/** The pipeline writes a line for each cell of a manifest, and so does a study: one that does not fit into memory can be read. */
const CELLS = '"cells":[';
const END = ']}';

const linesOf = (path: string) =>
  createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });

/**
 * The cells of a manifest, each as JSON.
 * @throws {CommandError} behind the last one if it does not end like a manifest
 */
export async function* cellLines(path: string): AsyncGenerator<string> {
  let [isCell, isWhole] = [false, false];
  for await (const line of linesOf(path)) {
    if (isCell) {
      isWhole = line === END;
      if (!isWhole) yield line.replace(/,$/, '');
    } else isCell = line.endsWith(CELLS);
  }
  if (!isWhole)
    throw new CommandError(
      EXIT.fault,
      `${path} does not end like a manifest. Delete it and run the same command again.`,
    );
}

/**
 * What the manifest of an audit says beside its cells: the JSON of `{audit, createdAt}`.
 * @throws {CommandError} if it does not begin like one
 */
export async function manifestHead(path: string): Promise<string> {
  const end = `,${CELLS}`;
  for await (const line of linesOf(path))
    if (line.endsWith(end)) return `${line.slice(0, -end.length)}}`;
    else break;
  throw new CommandError(
    EXIT.fault,
    `${path} does not begin like a manifest. Delete it and run the same command again.`,
  );
}

/** Whether a manifest is that of a study. */
export async function isOfStudy(path: string): Promise<boolean> {
  for await (const line of linesOf(path)) return line.startsWith(OF_STUDY);
  return false;
}
