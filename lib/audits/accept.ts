import { isDeepStrictEqual } from 'node:util';
import { referencesIn } from '../contract/secret-reference.ts';
import { Refusal } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import { DESIGN, PAGE } from '../limits.ts';
import { planCeiling } from '../money/cost.ts';
import { monthOf, requireRoom, reserve } from '../money/ledger.ts';
import { limitOf, priceModels, readSettings } from '../money/prices.ts';
import type { CellQueue, Chance, Log, ObjectStore, ReplicateClient, Time } from '../ports.ts';
import { blockAt } from '../records/blocks.ts';
import { auditId, createdAtOf, idempotencyKey, openKey, planKey } from '../records/keys.ts';
import { countCells } from '../records/pairs.ts';
import { type Plan, type PlannedModel, readPlan } from '../records/plan.ts';
import { readSecret } from '../records/secret.ts';
import { readStop } from '../records/stop.ts';
import { ReplicateRefusal } from '../replicate/errors.ts';
import { ModelInputs } from '../replicate/inputs.ts';
import { sha256Hex } from '../sha256.ts';
import { checkInputs, type DescribedModel, type KnownSecrets } from './check-inputs.ts';
import { type Design, sameModel } from './request.ts';

export interface AcceptDeps {
  store: ObjectStore;
  queue: CellQueue;
  replicate: ReplicateClient;
  time: Time;
  chance: Chance;
  log: Pick<Log, 'error' | 'warn'>;
}

/** Who starts an audit, and in which request. */
export interface Origin {
  caller: string;
  /** Unique to this invocation. */
  request: string;
  /** The header `Idempotency-Key`. */
  idempotencyKey: string | undefined;
  /** The body as it came, to tell one request from another under the same key. */
  body: string;
}

export interface Accepted {
  id: string;
  predictions: number;
  /** Prompts that were left out, because they were there before. Absent if there were none. */
  merged?: number;
}

interface IdempotencyRecord {
  audit: string;
  body: string;
}

/** A text of so many whole characters at most: half an emoji cannot be encoded. The last one says where it was cut. */
export function shortened(text: string, count: number): string {
  const characters = Array.from(text);
  return characters.length > count ? `${characters.slice(0, count - 1).join('')}…` : text;
}

/**
 * Accepts an audit. The writes come in this order, and the process may die after any of them: the idempotency record
 * (a repeated request finds the same ID), `open/<a>` (reconcile sees the audit), the reservation of what it may cost, the
 * plan (now the audit is accepted), the first message of its chain (reconcile sends a missing one).
 * @throws {Refusal} 402 if it may cost more than is left of the month's budget; 410 if the audit of this Idempotency-Key
 * was deleted; 422 for a model that Replicate does not know or that does not take the design, a price that nobody knows, or a
 * key used with another body; 502 or 503 if Replicate does not describe a model
 */
export async function acceptAudit(deps: AcceptDeps, design: Design, origin: Origin): Promise<Accepted> {
  const { store, time, chance } = deps;
  const repeated = await findRepeated(store, origin);
  if (repeated?.plan) return accepted(repeated.plan, design);
  // Before anything is written: a refusal leaves no trace.
  const seed = design.seed ?? Math.floor(chance.fraction() * 2 ** 31);
  const pinned = await pinModels(deps, design, seed);
  const settings = await readSettings(store);
  const limit = limitOf(settings);
  const models = priceModels(design, pinned.models, settings);
  const micros = planCeiling({ ...design, models });
  // What a repeated request had reserved before is its own.
  if (!repeated) await requireRoom(deps, micros, limit);
  const id = repeated?.audit ?? (await claimId(deps, origin));
  const plan: Plan = {
    version: 2,
    id,
    name: shortened(design.name ?? design.prompts[0]?.text ?? '', DESIGN.nameLength),
    createdAt: createdAtOf(id),
    createdBy: origin.caller,
    request: origin.request,
    retention: design.retention,
    seed,
    ...(pinned.seeds ? { seeds: pinned.seeds } : {}),
    samples: design.samples,
    prompts: design.prompts,
    models,
    ...(design.pairs ? { pairs: design.pairs } : {}),
    ...(design.compare ? { compare: design.compare } : {}),
    ...(design.groups ? { groups: design.groups } : {}),
    ...(design.reference === undefined ? {} : { reference: design.reference }),
    input: design.input,
    cells: countCells(design),
    ...(design.maxCost === undefined ? {} : { maxCost: design.maxCost }),
  };
  const opened = await openAudit(deps, origin, plan, {
    isRepeated: repeated !== undefined,
    reserve: async () => {
      // By the clock of S3, which all requests share, and the same for a repeated request.
      const first = await store.head(recordKey(origin) ?? openKey(id));
      const month = monthOf(first?.modified ?? time.now());
      await reserve(deps, { audit: id, request: origin.request, month, micros }, limit);
    },
    begin: () => deps.queue.send([{ ...blockAt(plan, 0)!, link: 0 }]),
  });
  return accepted(opened, design);
}

/**
 * Makes an audit of a plan, whose idempotency record is written.
 * @param how.begin sends the first messages of its chains
 * @returns the plan, or that of an equal request that was quicker
 * @throws {Refusal} 410 if it was deleted in this very moment, and what `reserve` throws
 */
export async function openAudit(
  { store, log }: Pick<AcceptDeps, 'store' | 'log'>,
  origin: Origin,
  plan: Plan,
  how: { isRepeated: boolean; reserve?: () => Promise<void>; begin: () => Promise<void> },
): Promise<Plan> {
  const { id } = plan;
  // With other bytes the second time: reconcile, which may be closing what the first request left, closes only what it read.
  if (how.isRepeated) await store.replaceJson(openKey(id), { request: origin.request });
  else await store.create(openKey(id), '');
  await how.reserve?.();
  const metadata = {
    // Metadata is ASCII.
    name: encodeURIComponent(shortened(plan.name, PAGE.nameLength)),
    predictions: String(plan.cells),
    'created-by': encodeURIComponent(plan.createdBy),
    ...(plan.source ? { source: plan.source } : {}),
  };
  const isOurs = await store.createJson(planKey(id), plan, { metadata, tags: { retention: plan.retention } });
  const existing = isOurs ? plan : await readPlan(store, id);
  if (!existing)
    throw new Refusal(
      410,
      `Audit ${id} was deleted while it was being accepted. Send the request again with a new Idempotency-Key.`,
    );
  // Of simultaneous equal requests only the one that wrote the plan begins its chain.
  if (existing.request === origin.request)
    // The plan is durable: if its first message cannot be sent now, reconcile sends it.
    await how.begin().catch((error: unknown) => {
      log.error('an audit was accepted; reconcile sends its first message', { audit: id, error });
    });
  return existing;
}

const accepted = (plan: Plan, { merged }: Design): Accepted => ({
  id: plan.id,
  predictions: plan.cells,
  ...(merged > 0 ? { merged } : {}),
});

/** The audit that an earlier request with the same key accepted, or was accepting when its process died. */
export async function findRepeated(store: ObjectStore, origin: Origin) {
  const key = recordKey(origin);
  const record = key && (await store.readJson<IdempotencyRecord>(key))?.value;
  if (!record) return undefined;
  // Records from before the order of members was ignored have the hash of the body itself.
  if (record.body !== hashOf(origin) && record.body !== sha256Hex(origin.body))
    throw new Refusal(
      422,
      'This Idempotency-Key was used with another body. For a new audit send a new key; to repeat a request send the same body.',
    );
  const [plan, stop] = await Promise.all([readPlan(store, record.audit), readStop(store, record.audit)]);
  if (stop === 'deleted')
    throw new Refusal(
      410,
      `The audit of this Idempotency-Key, ${record.audit}, was deleted. Send a new key to run the design again.`,
    );
  return { audit: record.audit, plan };
}

/** Of what a body says. Clients need not keep the order of its members, such as that of the columns of a table. */
const hashOf = ({ body }: Origin): string => sha256Hex(canonicalJson(JSON.parse(body)));

/** Each caller has keys of their own. */
function recordKey({ idempotencyKey: key, caller }: Origin): string | undefined {
  if (key === undefined) return undefined;
  return idempotencyKey(sha256Hex(`${caller}\n${key}`));
}

/** The ID of this request, or of an equal request that was quicker. */
export async function claimId(
  { store, time, chance }: Pick<AcceptDeps, 'store' | 'time' | 'chance'>,
  origin: Origin,
): Promise<string> {
  const id = auditId(time.now(), chance.fraction);
  const key = recordKey(origin);
  if (!key) return id;
  const record: IdempotencyRecord = { audit: id, body: hashOf(origin) };
  if (await store.createJson(key, record)) return id;
  const existing = await findRepeated(store, origin);
  return existing?.audit ?? id;
}

/**
 * Asks Replicate about each model, checks that it takes the design, and pins the answers.
 * @throws {Refusal}
 */
async function pinModels({ store, replicate, log }: AcceptDeps, design: Design, seed: number) {
  const described: (DescribedModel & { version: string | null })[] = [];
  // Two at a time: an answer may have megabytes.
  for (let i = 0; i < design.models.length; i += 2)
    described.push(
      ...(await Promise.all(design.models.slice(i, i + 2).map((model) => describe(replicate, model)))),
    );
  const seeds = checkInputs(design, described, seed, await readSecrets(store, design));
  for (const { model, inputs } of described) {
    const reason = inputs
      ? inputs.unread
      : 'Replicate shows no schema of its inputs, or none that can be read';
    if (reason)
      log.warn('a model is used whose inputs were not checked, or not all of them', { model, reason });
  }
  const models = described.map(
    ({ model, version, input, inputs }): PlannedModel => ({
      model: model.split(':')[0] ?? model,
      version,
      input,
      inputs: inputs?.names ?? null,
      seed: !inputs ? 'unknown' : inputs.names.includes('seed') ? 'supported' : 'unsupported',
      ...(inputs && inputs.secret.length > 0 ? { secrets: inputs.secret } : {}),
    }),
  );
  const twice = models.find((model, place) => models.slice(0, place).some((other) => isSame(model, other)));
  if (twice) throw sameModel(twice.model);
  return { models, seeds };
}

/** A model may have been named with its version and without. */
const isSame = (one: PlannedModel, other: PlannedModel): boolean =>
  one.model === other.model && one.version === other.version && isDeepStrictEqual(one.input, other.input);

/** What is known of the secrets that a design names. */
async function readSecrets(store: ObjectStore, { input, models }: Design): Promise<KnownSecrets> {
  const inputs = [input, ...models.map((model) => model.input)];
  const names = new Set(inputs.flatMap(referencesIn).map(([, name]) => name));
  if (names.size > DESIGN.secrets)
    throw new Refusal(
      422,
      `The design names ${names.size} secrets; at most ${DESIGN.secrets} are allowed. Split the audit.`,
    );
  return new Map(
    await Promise.all([...names].map(async (name) => [name, await readSecret(store, name)] as const)),
  );
}

const ABOUT_MODELS = { members: { fields: ['models'] } };

async function describe(replicate: ReplicateClient, { model, input }: Design['models'][number]) {
  const { version, openapi, official } = await modelFacts(replicate, model);
  if (!version && !official)
    throw new Refusal(
      422,
      `The model "${model}" has no version to run. Choose another model, or name a version: owner/name:version.`,
      ABOUT_MODELS,
    );
  return { model, version, input, inputs: ModelInputs.read(openapi) };
}

async function modelFacts(replicate: ReplicateClient, model: string) {
  try {
    return await replicate.model(model);
  } catch (error) {
    if (error instanceof ReplicateRefusal && error.status === 404)
      throw new Refusal(
        422,
        `Replicate does not know the model "${model}". Check its name at https://replicate.com/explore.`,
        ABOUT_MODELS,
      );
    if (error instanceof ReplicateRefusal && error.status < 500 && error.status !== 429)
      throw new Refusal(
        502,
        `Replicate refused to describe the model "${model}": ${error.message} Ask an operator to check the Replicate token.`,
      );
    throw new Refusal(
      503,
      `Replicate gave no answer about the model "${model}". Nothing was written. Try again in some seconds.`,
      { headers: { 'retry-after': '10' } },
    );
  }
}
