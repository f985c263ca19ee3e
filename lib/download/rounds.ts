import type { RoundEntry } from '../contract/rounds.ts';
import type { FindingsInput } from '../findings/facts.ts';
import { labelsCsv, roundJson } from '../findings/report/tables.ts';

/** A closed round as its files have it. */
export type RatedRound = Omit<FindingsInput, 'audits'>;

/**
 * What raters said of the pictures of an audit, as files of its download: the bytes that the report of the round has, too. An open
 * round has none: its labels are not seen before it is closed.
 * @param read a closed round, without the labels of raters who have withdrawn
 */
export async function* roundFiles(
  rounds: readonly Pick<RoundEntry, 'id' | 'state'>[],
  read: (round: string) => Promise<RatedRound>,
): AsyncGenerator<[path: string, text: string]> {
  for (const { id, state } of rounds) {
    if (state !== 'closed') continue;
    const rated = await read(id);
    yield [`rounds/${id}/round.json`, roundJson(rated)];
    yield [`rounds/${id}/labels.csv`, labelsCsv(rated)];
  }
}
