import { listArrived, pictureUpload } from '../cells/take-in.ts';
import type { Exact } from '../contract/answers.ts';
import { ImportRequest } from '../contract/import-request.ts';
import { Refusal } from '../errors.ts';
import { DESIGN, IMPORT } from '../limits.ts';
import type { CellQueue, PresignUpload } from '../ports.ts';
import { type Range, rangeOf, rangesOf } from '../records/blocks.ts';
import { cellName, createdAtOf, imageKey } from '../records/keys.ts';
import { isImported, type Plan } from '../records/plan.ts';
import { readOpenProgress } from '../records/progress.ts';
import { readStop } from '../records/stop.ts';
import {
  type AcceptDeps,
  type Accepted,
  claimId,
  findRepeated,
  type Origin,
  openAudit,
  shortened,
} from './accept.ts';
import { type ReadDeps, requirePlan } from './read.ts';
import { comparisonOf, parseBody } from './request.ts';

export interface ImportDeps extends Pick<AcceptDeps, 'store' | 'time' | 'chance' | 'log'> {
  polls: CellQueue;
}

/** The chains of an import look for the first pictures so long after it was accepted. */
const FIRST_LOOK_SECONDS = 5;
/** So long after addresses were given, pictures are looked for at them. */
const LOOK_SECONDS = 10;

/** What the plan of an import says of its pictures. */
type Imported = Pick<Plan, 'prompts' | 'samples' | 'counts' | 'pictures' | 'cells' | 'reference'>;

/**
 * Checks the body of `POST /api/imports`, and puts the pictures into the order of their prompts.
 * @throws {Refusal} 413, 400 or 422, whose detail says what to change
 */
export function parseImport(body: string): { request: ImportRequest; imported: Imported } {
  const request = parseBody(ImportRequest, body);
  const prompts = request.prompts.map((prompt) => (typeof prompt === 'string' ? { text: prompt } : prompt));
  const places = new Map<string, number>();
  for (const [place, { text }] of prompts.entries()) {
    const before = places.get(text);
    if (before !== undefined)
      throw new Refusal(
        422,
        `"prompts[${before}]" and "prompts[${place}]" have the same text. Give each text once, and let its pictures name that place.`,
      );
    places.set(text, place);
  }
  const byPrompt = prompts.map((): NonNullable<Plan['pictures']> => []);
  for (const [place, { prompt, ...picture }] of request.pictures.entries()) {
    const pictures = byPrompt[prompt];
    if (!pictures)
      throw new Refusal(
        422,
        `"pictures[${place}].prompt" is ${prompt}, and there are ${prompts.length} prompts. Name the place of a prompt, from 0.`,
      );
    pictures.push(picture);
  }
  const counts = byPrompt.map(({ length }) => length);
  const samples = Math.max(...counts);
  const [bare, many] = [counts.indexOf(0), counts.findIndex((count) => count > DESIGN.samples)];
  if (bare >= 0)
    throw new Refusal(
      422,
      `"prompts[${bare}]" has no picture. Remove it, or add pictures that name its place.`,
    );
  if (many >= 0)
    throw new Refusal(
      422,
      `"prompts[${many}]" has ${counts[many]} pictures; at most ${DESIGN.samples} are allowed. Split the import.`,
    );
  return {
    request,
    imported: {
      prompts,
      samples,
      ...(counts.every((count) => count === samples) ? {} : { counts }),
      pictures: byPrompt.flat(),
      cells: request.pictures.length,
      ...comparisonOf(request.reference === undefined ? {} : { reference: request.reference }, prompts),
    },
  };
}

/**
 * Accepts an import: an audit whose pictures its caller uploads afterwards, at the addresses of `uploadAddresses`. The
 * writes and what a death between them leaves are those of `acceptAudit`; nothing is reserved, because nothing is paid.
 * @throws {Refusal} 400, 410, 413, 422
 */
export async function acceptImport(deps: ImportDeps, body: string, origin: Origin): Promise<Accepted> {
  const { request, imported } = parseImport(body);
  const repeated = await findRepeated(deps.store, origin);
  if (repeated?.plan) return accepted(repeated.plan);
  const id = repeated?.audit ?? (await claimId(deps, origin));
  const { name, model, retention = 'standard' } = request;
  const plan: Plan = {
    version: 2,
    id,
    source: 'imported',
    name: name ?? shortened(`${model}: ${imported.prompts[0]!.text}`, DESIGN.nameLength),
    createdAt: createdAtOf(id),
    createdBy: origin.caller,
    request: origin.request,
    retention,
    // Required of every plan, and never used.
    seed: 0,
    models: [{ model, version: null, input: {}, inputs: null, seed: 'unknown' }],
    input: {},
    ...imported,
  };
  const opened = await openAudit(deps, origin, plan, {
    isRepeated: repeated !== undefined,
    begin: () =>
      deps.polls.send(
        rangesOf(plan).map((range) => ({ ...range, link: 0 })),
        FIRST_LOOK_SECONDS,
      ),
  });
  return accepted(opened);
}

const accepted = ({ id, cells }: Plan): Accepted => ({ id, predictions: cells });

export interface AddressDeps extends Pick<ReadDeps, 'store' | 'readPlan'> {
  polls: CellQueue;
  presignUpload: PresignUpload;
  /** How long an address lives. */
  uploadSeconds: number;
}

/**
 * Addresses for pictures that are still to be uploaded: `POST /api/imports/{a}/addresses`. Each admits the one file that
 * the import announced, once. Pictures that are there, and cells that have ended, have none.
 * @param query cursor: the name of the first cell, such as `00100`
 * @throws {Refusal} 404; 400 for a cursor that the audit does not have; 409 if it is no import, or was canceled
 */
export async function uploadAddresses(
  deps: AddressDeps,
  audit: string,
  { cursor = cellName(0), limit = IMPORT.addresses }: { cursor?: string; limit?: number },
): Promise<Exact<'AddressPage'>> {
  const { store, polls, presignUpload, uploadSeconds } = deps;
  const plan = await requirePlan(deps, audit);
  if (!isImported(plan))
    throw new Refusal(
      409,
      'The images of this audit are requested from models, so none can be uploaded. POST /api/imports starts an import.',
    );
  const from = Number(cursor);
  if (from >= plan.cells)
    throw new Refusal(
      400,
      `The query parameter "cursor" must be the number of a cell of this audit: 00000 to ${cellName(plan.cells - 1)}.`,
    );
  if (await readStop(store, audit))
    throw new Refusal(409, 'This import was canceled. Import the pictures again to upload the rest.');
  const range = { audit, from, to: Math.min(plan.cells, from + limit) - 1 };
  const [progress, arrived] = await Promise.all([readOpenProgress(store, range), listArrived(store, range)]);
  const missing = [...progress].filter(([n, { ended }]) => !ended && !arrived.has(n)).map(([n]) => n);
  const addresses = await Promise.all(
    missing.map(async (n) => ({
      n,
      ...(await presignUpload(imageKey(audit, n, 0), pictureUpload(plan, n), uploadSeconds)),
    })),
  );
  // Their chains may have let themselves look rarely.
  const ranges = new Map(missing.map((n) => rangeOf(plan, n)).map((one): [number, Range] => [one.from, one]));
  if (ranges.size > 0) await polls.send([...ranges.values()], LOOK_SECONDS);
  return { addresses, ...(range.to + 1 < plan.cells ? { cursor: cellName(range.to + 1) } : {}) };
}
