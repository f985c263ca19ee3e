import { isDeepStrictEqual } from 'node:util';
import type { Exact, StudyEntry } from '../contract/answers.ts';
import type { StudyRequest } from '../contract/request.ts';
import { Refusal } from '../errors.ts';
import { PAGE, STUDY } from '../limits.ts';
import type { ObjectStore } from '../ports.ts';
import { type ChangeDeps, changeJson } from '../records/change.ts';
import { isStudyId, parseStudyKey, STUDIES_PREFIX, studyId, studyKey, studyName } from '../records/keys.ts';
import { auditEntry } from './read.ts';

/**
 * A list of audits under one name: `studies/<study>.json`. Only api writes it, by compare-and-swap. An audit does not know
 * its studies. Ids of audits that were deleted or have expired stay in it, and readers leave them out.
 */
interface Study extends StudyEntry {
  /** Who deleted it, when. Functions delete no objects: the record stays, empty, until somebody begins the study again. */
  deleted?: { at: string; by: string };
}

const notFound = (study: string) =>
  new Refusal(
    404,
    `There is no study "${study.slice(0, 40)}". "npx weaudit list" and GET /api/studies list all studies.`,
  );
const isLiving = (study: Study | undefined): study is Study => study !== undefined && !study.deleted;

async function readStudy(store: ObjectStore, study: string): Promise<Study> {
  const record = isStudyId(study) ? (await store.readJson<Study>(studyKey(study)))?.value : undefined;
  if (!isLiving(record)) throw notFound(study);
  return record;
}

/** Those audits that exist, in the same order. All are read at once, so `audits` has to be bounded. */
const existing = async (store: ObjectStore, audits: readonly string[]) =>
  (await Promise.all(audits.map((audit) => auditEntry(store, audit)))).filter((entry) => entry !== undefined);

/**
 * Creates a study, or adds audits to the one that has this name: `POST /api/studies`. Audits that are in it already keep
 * their places, so that the request can be repeated.
 * @throws {Refusal} 404 for an audit that does not exist, 409 if the study has no room for them
 */
export async function addToStudy(
  deps: ChangeDeps,
  { name, audits = [] }: StudyRequest,
  caller: string,
): Promise<StudyEntry> {
  const { store, time } = deps;
  const known = new Set((await existing(store, audits)).map(({ id }) => id));
  const missing = audits.find((audit) => !known.has(audit));
  if (missing !== undefined)
    throw new Refusal(
      404,
      `There is no audit "${missing}", so nothing was added. GET /api/audits lists all.`,
    );
  return change(deps, studyId(name), async (record) => {
    const before = isLiving(record)
      ? record
      : {
          ...{ id: studyId(name), name: studyName(name) },
          ...{ createdAt: time.now().toISOString(), createdBy: caller, audits: [] },
        };
    let next = [...new Set([...before.audits, ...audits])];
    // Deleted audits make room.
    if (next.length > STUDY.audits) next = (await existing(store, next)).map(({ id }) => id);
    if (next.length > STUDY.audits)
      throw new Refusal(
        409,
        `A study can have ${STUDY.audits} audits, and "${before.name}" would have ${next.length}. Nothing was added. Remove some, or begin another study.`,
      );
    return { ...before, audits: next };
  });
}

/**
 * Takes an audit out of a study; the audit is kept. One that is not in it is no error.
 * @throws {Refusal} 404 if there is no such study
 */
export const removeFromStudy = (deps: ChangeDeps, study: string, audit: string): Promise<StudyEntry> =>
  change(deps, study, (record) => {
    if (!isLiving(record)) throw notFound(study);
    return { ...record, audits: record.audits.filter((id) => id !== audit) };
  });

/**
 * Deletes a study; its audits are kept.
 * @throws {Refusal} 404 if there is no such study, and there never was
 */
export async function deleteStudy(deps: ChangeDeps, study: string, caller: string): Promise<void> {
  await change(deps, study, (record) => {
    if (!record) throw notFound(study);
    const deleted = record.deleted ?? { at: deps.time.now().toISOString(), by: caller };
    return { ...record, audits: [], deleted };
  });
}

/**
 * A page of studies with the ids of their audits, in no order that means anything: `GET /api/studies`.
 * @param query cursor: the id of the last study of the page before
 */
export async function listStudies(
  store: ObjectStore,
  { cursor, limit = PAGE.most }: { cursor?: string; limit?: number },
): Promise<Exact<'StudyPage'>> {
  const ids: string[] = [];
  for await (const { key } of store.list(STUDIES_PREFIX, cursor && studyKey(cursor), limit)) {
    const id = parseStudyKey(key);
    if (id) ids.push(id);
    if (ids.length === limit) break;
  }
  const records = await Promise.all(ids.map((id) => store.readJson<Study>(studyKey(id))));
  const last = ids.at(-1);
  return {
    studies: records.flatMap((record) => (isLiving(record?.value) ? [record.value] : [])),
    ...(last !== undefined && ids.length === limit ? { cursor: last } : {}),
  };
}

/**
 * A study with its audits as a list shows them: `GET /api/studies/{study}`. Deleted and expired ones are left out.
 * @throws {Refusal} 404
 */
export async function describeStudy(store: ObjectStore, study: string): Promise<Exact<'Study'>> {
  const record = await readStudy(store, study);
  return { ...record, audits: await existing(store, record.audits) };
}

/** @param next what follows from the record; it throws what should be refused */
async function change(
  deps: ChangeDeps,
  study: string,
  next: (record: Study | undefined) => Study | Promise<Study>,
): Promise<StudyEntry> {
  if (!isStudyId(study)) throw notFound(study);
  let after: Study | undefined;
  const isDone = await changeJson<Study>(deps, studyKey(study), async (record) => {
    after = await next(record);
    return isDeepStrictEqual(after, record) ? undefined : after;
  });
  if (!isDone || !after)
    throw new Refusal(
      503,
      'Many others are changing this study at this moment, and nothing was changed. Try again in some seconds.',
      { headers: { 'retry-after': '5' } },
    );
  return after;
}
