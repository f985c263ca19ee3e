import { decodeTime, TIME_MAX, ulid } from 'ulid';
import { AUDIT_ID } from '../limits.ts';
import { sha256Hex } from '../sha256.ts';

/**
 * Names of the objects in the images bucket. A cell's number has five digits, so that keys sort by number
 * (S3 lists in ascending order of UTF-8 bytes) and an audit holds at most 100,000 cells by key, 10,000 by rule.
 */

export const CELL_NAME = /^\d{5}$/;

/** A new id of an audit. `fraction` draws from [0, 1). */
export const auditId = (now: Date, fraction: () => number): string =>
  ulid(TIME_MAX - now.getTime(), fraction).toLowerCase();

/** When an audit was created, as every answer says it: ISO 8601. */
export const createdAtOf = (id: string): string =>
  new Date(TIME_MAX - decodeTime(id.toUpperCase())).toISOString();

export const isAuditId = (text: string): boolean => AUDIT_ID.test(text);

/** `7` → `00007`. */
export const cellName = (cell: number): string => String(cell).padStart(5, '0');

/** `00007` → 7; anything that is not five digits → undefined. */
export const parseCellName = (text: string): number | undefined =>
  CELL_NAME.test(text) ? Number(text) : undefined;

export const idempotencyKey = (sha256: string) => `idempotency/${sha256}`;
export const OPEN_PREFIX = 'open/';
export const openKey = (audit: string) => `${OPEN_PREFIX}${audit}`;
export const AUDITS_PREFIX = 'audits/';
export const auditPrefix = (audit: string) => `${AUDITS_PREFIX}${audit}/`;
export const planKey = (audit: string) => `${auditPrefix(audit)}audit.json`;
export const cancelKey = (audit: string) => `${auditPrefix(audit)}cancel.json`;
export const waitingKey = (audit: string) => `${auditPrefix(audit)}waiting.json`;
export const manifestKey = (audit: string, format: 'json' | 'csv') =>
  `${auditPrefix(audit)}manifest.${format}`;
export const deletedKey = (audit: string) => `deleted/${audit}`;
/** The tombstone of an image that an operator purged. */
export const purgedKey = (audit: string, cell: number, index: number) =>
  `purged/${audit}/${cellName(cell)}/${index}`;

export const bindingsPrefix = (audit: string) => `${auditPrefix(audit)}dispatched/`;
/** `00007`, and of a later attempt `00007-2`. */
const attemptName = (cell: number, attempt: number) =>
  attempt === 1 ? cellName(cell) : `${cellName(cell)}-${attempt}`;
/** The record that binds a cell to its prediction. Each later attempt follows a prediction that was aborted. */
export const bindingKey = (audit: string, cell: number, attempt = 1) =>
  `${bindingsPrefix(audit)}${attemptName(cell, attempt)}.json`;
/** Says that the prediction of an attempt never started, so that another may be asked for and bound. */
export const abortedKey = (audit: string, cell: number, attempt = 1) =>
  `${bindingsPrefix(audit)}${attemptName(cell, attempt)}-aborted`;

export const resultsPrefix = (audit: string) => `${auditPrefix(audit)}results/`;
export const resultKey = (audit: string, cell: number) => `${resultsPrefix(audit)}${cellName(cell)}.json`;
const RESULT = /^audits\/([^/]+)\/results\/(\d{5})\.json$/;
/** `audits/<a>/results/<n>.json` → its parts; any other key → undefined. */
export function parseResultKey(key: string): { audit: string; cell: number } | undefined {
  const [, audit, cell] = RESULT.exec(key) ?? [];
  return audit && cell && isAuditId(audit) ? { audit, cell: Number(cell) } : undefined;
}

export const summariesPrefix = (audit: string) => `${auditPrefix(audit)}blocks/`;
/** The results of all cells of a block. @param block its first cell */
export const summaryKey = (audit: string, block: number) =>
  `${summariesPrefix(audit)}${cellName(block)}.json`;

export const markersPrefix = (audit: string) => `${auditPrefix(audit)}failed/`;
/** @param name from `markerName` */
export const markerKey = (audit: string, cell: number, name: string) =>
  `${markersPrefix(audit)}${cellName(cell)}${name}`;

export const imagesPrefix = (audit: string) => `images/${audit}/`;
export const cellImagesPrefix = (audit: string, cell: number) => `${imagesPrefix(audit)}${cellName(cell)}/`;
export const imageKey = (audit: string, cell: number, index: number) =>
  `${cellImagesPrefix(audit, cell)}${index}`;
/** An image's key → that of its rendition. */
export const renditionOf = (imageKey: string): string => imageKey.replace(/^images\//, 'renditions/');
const IMAGE = /^images\/([^/]+)\/(\d{5})\/(\d+)$/;
/** `images/<a>/<n>/<i>` → its parts; any other key → undefined. */
export function parseImageKey(key: string): { audit: string; cell: number; index: number } | undefined {
  const [, audit, cell, index] = IMAGE.exec(key) ?? [];
  return audit && cell && index && isAuditId(audit)
    ? { audit, cell: Number(cell), index: Number(index) }
    : undefined;
}

export const renditionsPrefix = (audit: string) => `renditions/${audit}/`;
export const cellRenditionsPrefix = (audit: string, cell: number) =>
  `${renditionsPrefix(audit)}${cellName(cell)}/`;
/** The small WebP that `tag` makes of an image that is `ok`. */
export const renditionKey = (audit: string, cell: number, index: number) =>
  `${cellRenditionsPrefix(audit, cell)}${index}`;
/** A rendition's key → that of its image. */
export const imageOfRendition = (key: string): string => key.replace(/^renditions\//, 'images/');

export const judgementsPrefix = (audit: string) => `${auditPrefix(audit)}judged/`;
export const cellJudgementsPrefix = (audit: string, cell: number) =>
  `${judgementsPrefix(audit)}${cellName(cell)}/`;

export const leasesPrefix = (audit: string) => `leases/${audit}/`;
/** The chain that asks for a block. @param block its first cell */
export const leaseKey = (audit: string, block: number) => `${leasesPrefix(audit)}${cellName(block)}`;
/** When reconcile last asked for judgements of an audit again: the object's date. */
export const rejudgedKey = (audit: string) => `${leasesPrefix(audit)}rejudged`;
/** The chain that looks after a range. @param first its first cell */
export const pollLeaseKey = (audit: string, first: number) => `${leaseKey(audit, first)}.poll`;
/** Empty: the block is finished, and after some minutes an image still lacks its judgement or its copy. */
export const unsafeKey = (audit: string, block: number) => `${leaseKey(audit, block)}.unsafe`;
/** When reconcile last had all predictions of an ended audit looked at: the object's date. */
export const resentKey = (audit: string) => `${leasesPrefix(audit)}resent`;

export const FLOW_PREFIX = 'flow/';
/** What a model has in flight. @param name of its owner, itself, and its version */
export const flowKey = (model: string) => `${FLOW_PREFIX}${sha256Hex(model).slice(0, 40)}.json`;

export const LEDGER_PREFIX = 'ledger/';
/** What the audits of a month have reserved and spent. @param month `2026-11` */
export const ledgerKey = (month: string) => `${LEDGER_PREFIX}${month}.json`;
const LEDGER = /^ledger\/(\d{4}-\d{2})\.json$/;
/** `ledger/2026-11.json` → `2026-11`; any other key → undefined. */
export const parseLedgerKey = (key: string): string | undefined => LEDGER.exec(key)?.[1];
export const SECRETS_PREFIX = 'secrets/';
/** What is known of a secret that an operator stored, without its value. */
export const secretKey = (name: string) => `${SECRETS_PREFIX}${name}.json`;
/** Says that an operator removed secrets from records of an audit. */
export const redactedKey = (audit: string) => `redacted/${audit}.json`;
/** What an operator has set: the budget of a month, and prices. */
export const settingsKey = `${LEDGER_PREFIX}settings.json`;

export const STUDIES_PREFIX = 'studies/';
export const STUDY_ID = /^study-[0-9a-f]{20}$/;
export const isStudyId = (text: string): boolean => STUDY_ID.test(text);
/** A study's name as it is stored and compared: `occupations  2026` and `occupations 2026` are one. */
export const studyName = (text: string): string => text.normalize('NFC').replace(/\s+/gu, ' ').trim();
/** The id of the study that has this name. It follows from the name, so that two clients never make two of one. */
export const studyId = (name: string): string => `study-${sha256Hex(studyName(name)).slice(0, 20)}`;
export const studyKey = (study: string) => `${STUDIES_PREFIX}${study}.json`;
/** `studies/<study>.json` → its id; any other key → undefined. */
export function parseStudyKey(key: string): string | undefined {
  const study = key.slice(STUDIES_PREFIX.length, -'.json'.length);
  return isStudyId(study) && key === studyKey(study) ? study : undefined;
}

export const spentPrefix = (audit: string) => `${auditPrefix(audit)}spent/`;
/**
 * Empty: what all cells of a block cost together, and what they might have cost at most, in millionths of a dollar.
 * @param block its first cell
 */
export const blockSpentKey = (audit: string, block: number, micros: number, most: number) =>
  `${spentPrefix(audit)}${cellName(block)}.${micros}.${most}`;
/** Empty: what a prediction cost that no cell needed, or, before it has ended, may cost at most. */
export const extraSpentKey = (audit: string, prediction: string, micros: number, isMost: boolean) =>
  `${spentPrefix(audit)}extra-${prediction}.${isMost ? 'most.' : ''}${micros}`;

/** A codebook, named by the hash of its bytes. */
export const codebookKey = (sha256: string) => `codebooks/${sha256}`;

/** A round's id has the form of an audit's: newer ones sort first. */
export const isRoundId = isAuditId;
export const ROUNDS_PREFIX = 'rounds/';
export const roundPrefix = (round: string) => `${ROUNDS_PREFIX}${round}/`;
export const auditRoundsPrefix = (audit: string) => `${auditPrefix(audit)}rounds/`;
/** Says that a round shows pictures of an audit. */
export const auditRoundKey = (audit: string, round: string) => `${auditRoundsPrefix(audit)}${round}`;
/** The plan, until its pictures are copied. */
export const roundDraftKey = (round: string) => `${roundPrefix(round)}draft.json`;
/** The plan. The round exists when it does. */
export const roundKey = (round: string) => `${roundPrefix(round)}round.json`;
export const itemsPrefix = (round: string) => `${roundPrefix(round)}items/`;
export const itemKey = (round: string, opaque: string) => `${itemsPrefix(round)}${opaque}`;
/** A rater's token. @param sha256 of the token, in hex */
export const raterKey = (round: string, sha256: string) => `${roundPrefix(round)}raters/${sha256}`;
export const slotsPrefix = (round: string) => `${roundPrefix(round)}slots/`;
/** Who has a slot. The highest generation does. */
export const slotKey = (round: string, slot: number, generation: number) =>
  `${slotsPrefix(round)}${slot}/${generation}`;
/** A rater of a round: `3.1` is the first one of slot 3. */
export const raterName = (slot: number, generation: number) => `${slot}.${generation}`;
export const peoplePrefix = (round: string) => `${roundPrefix(round)}people/`;
/** The name of a rater: no fact, and in no backup. */
export const personKey = (round: string, rater: string) => `${peoplePrefix(round)}${rater}.json`;
export const withdrawnPrefix = (round: string) => `${roundPrefix(round)}withdrawn/`;
export const withdrawnKey = (round: string, rater: string) => `${withdrawnPrefix(round)}${rater}`;
export const reportedPrefix = (round: string) => `${roundPrefix(round)}reported/`;
/**
 * Says that raters are not shown a picture, or, once it is cleared, are shown it again.
 * @param why a rater reported it, an auditor has looked at it since, or an operator purged it, which is for good
 */
export const reportedKey = (
  round: string,
  opaque: string,
  why: 'reported' | 'cleared' | 'purged' = 'reported',
) => `${reportedPrefix(round)}${opaque}${why === 'reported' ? '' : `.${why}`}`;
export const labelsPrefix = (round: string) => `${roundPrefix(round)}labels/`;
export const raterLabelsPrefix = (round: string, rater: string) => `${labelsPrefix(round)}${rater}/`;
/** @param seq the number of the batch, from 0 */
export const labelsKey = (round: string, rater: string, seq: number) =>
  `${raterLabelsPrefix(round, rater)}${cellName(seq)}.json`;
export const closedKey = (round: string) => `${roundPrefix(round)}closed.json`;
export const partsPrefix = (round: string) => `${roundPrefix(round)}parts/`;
/** What some batches of a rater of a closed round say, on the way to the snapshot. @param part the first of them ÷ 1,000 */
export const partKey = (round: string, rater: string, part: number) =>
  `${partsPrefix(round)}${rater}/${String(part).padStart(2, '0')}.json`;
export const snapshotKey = (round: string) => `${roundPrefix(round)}snapshot.json`;
