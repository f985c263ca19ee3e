import type { AuditEntry, AuditStatus, Study, StudyEntry } from '../lib/contract/answers.ts';
import { addUp } from '../lib/contract/counted.ts';
import { describeCounts } from '../lib/contract/counts-in-words.ts';
import { isAuditId, isStudyId, studyId } from '../lib/records/keys.ts';
import type { ApiClient } from './api-client.ts';
import { CommandError, EXIT } from './exit.ts';
import { count, oneLine, table } from './output.ts';
import { describeCost, describeImages, describeWaiting, isOver } from './watch.ts';

/**
 * The study that a command is given, by its id or its name; undefined for the id of an audit.
 * @throws {CommandError} if it is neither
 */
export async function findStudy(client: ApiClient, given: string): Promise<Study | undefined> {
  if (isAuditId(given)) return undefined;
  const study = await client.study(isStudyId(given) ? given : studyId(given));
  if (!study)
    throw new CommandError(
      EXIT.refused,
      `There is no audit and no study "${oneLine(given)}". The id of an audit has 26 characters; a study is named by its id or its name. "npx weaudit list" shows them.`,
    );
  return study;
}

/** A study in a list: its audits together. */
export interface StudyLine extends StudyEntry, Pick<AuditEntry, 'predictions' | 'counts' | 'images'> {
  finishedAudits: number;
}

/** A study with the counts of its finished audits. */
export function studyLine(study: Study): StudyLine {
  const finished = study.audits.flatMap(({ counts, images }) =>
    counts ? [{ predictions: 0, counts, images }] : [],
  );
  const { counts, images } = addUp(finished);
  return {
    ...study,
    audits: study.audits.map(({ id }) => id),
    predictions: study.audits.reduce((sum, audit) => sum + audit.predictions, 0),
    finishedAudits: study.audits.filter((audit) => audit.finished).length,
    ...(finished.length > 0 ? { counts, ...(images ? { images } : {}) } : {}),
  };
}

/** `3 audits, 2 finished` */
export const describeAudits = (all: number, finished: number): string =>
  `${count(all, 'audit')}, ${finished === all ? (all === 1 ? 'finished' : 'all finished') : `${finished} finished`}`;

/** A study as text: its counts together, and a line for each audit. */
export function describeStudy({ id, name }: Pick<Study, 'id' | 'name'>, statuses: AuditStatus[]): string {
  const { predictions, counts, images } = addUp(statuses);
  const waiting = statuses.find((status) => status.waiting)?.waiting;
  return [
    `${oneLine(name)} (${id})`,
    `${describeAudits(statuses.length, statuses.filter(isOver).length)}: ${describeCounts(counts)} (${count(predictions, 'prediction')})`,
    ...(images && statuses.length > 0 ? [describeImages(images)] : []),
    ...describeCost(addCosts(statuses)),
    ...(waiting ? [describeWaiting(waiting)] : []),
    '',
    table(
      ['audit', 'state', 'outcome', 'name'],
      statuses.map((status) => [
        status.id,
        status.state,
        describeCounts(status.counts),
        oneLine(status.name, 50),
      ]),
    ),
  ].join('\n');
}

/** What audits have cost and may still cost together. */
const addCosts = (statuses: AuditStatus[]) =>
  statuses.reduce(
    (sum, { cost }) => ({
      spent: sum.spent + (cost?.spent ?? 0),
      reserved: sum.reserved + (cost?.reserved ?? 0),
    }),
    { spent: 0, reserved: 0 },
  );

/** Adds an audit that was just started to a study. @throws {CommandError} if it is not in the study */
export async function addToStudy(client: ApiClient, study: string, audit: string): Promise<void> {
  try {
    await client.addToStudy(study, [audit]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      error.status,
      `Audit ${audit} is running, but it is not in the study: ${error.message} The same command, also with another --study, finds the audit and adds it.`,
    );
  }
}
