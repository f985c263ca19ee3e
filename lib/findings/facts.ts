import type { Plan } from '../contract/answers.ts';
import { droppedOf, isBlank } from '../contract/counted.ts';
import type { Codebook, Contrast, Given } from '../contract/round-request.ts';
import type { Round, RoundPlanAnswer, Snapshot } from '../contract/rounds.ts';
import { canonicalJson } from '../json.ts';
import { placeOf } from '../records/pairs.ts';

/** What findings are made from, as the API and the manifest have it; and the pictures of each pair, counted once. */

/** What became of a cell: a line of the manifest, or a prediction of the API. */
export interface CellFacts {
  n: number;
  status: string;
  seed: number | string | null;
  seedSource: string;
  asked?: number | undefined;
  returned?: number | undefined;
  filtered?: number | undefined;
  images: readonly {
    index: number;
    status?: string | undefined;
    blank?: boolean | undefined;
    sha256?: string | undefined;
  }[];
}

export interface AuditFacts {
  plan: Pick<
    Plan,
    'id' | 'name' | 'prompts' | 'models' | 'samples' | 'input' | 'pairs' | 'counts' | 'reference'
  >;
  cells: readonly CellFacts[];
}

export interface FindingsInput {
  audits: readonly AuditFacts[];
  round: RoundPlanAnswer['plan'];
  codebook: Codebook;
  /** `<audit>/<cell>/<index>` of the rated pictures. */
  images: readonly string[];
  snapshot: Snapshot;
}
export type { Codebook, Contrast, Given };

/**
 * The labels that still count: a rater may withdraw when the snapshot, which never changes, is written. Every reader of a snapshot
 * passes it through here.
 * @param round as `GET /api/rounds/{r}` answers now
 */
export function withoutWithdrawn(snapshot: Snapshot, { progress }: Pick<Round, 'progress'>): Snapshot {
  const gone = new Set(snapshot.withdrawn);
  for (const { raters } of progress)
    for (const { rater, withdrawn } of raters) if (withdrawn) gone.add(rater);
  const labels = snapshot.labels.filter(([, , rater]) => !gone.has(rater));
  return { ...snapshot, labels, withdrawn: [...gone].sort() };
}

/** A prompt and a model. The same pair in several audits is one, whose pictures are counted together. */
export interface PairFacts {
  place: number;
  prompt: string;
  factors: Readonly<Record<string, string>>;
  /** The name of the model, and what tells it from others of this name. */
  model: string;
  /** From 0 to 1. */
  reference?: number;
}

/** A picture that may be rated. */
export interface Picture {
  /** Its place in the round; undefined if the round does not have it. */
  item: number | undefined;
  /** Its share of its unit. */
  weight: number;
}

/**
 * What counts once: a prediction, however many pictures it has, or several with the same picture or seed. Its parts have the weights
 * of their pictures, which sum up to 1.
 */
export interface Unit {
  pair: number;
  /** What it shares with other units that chance moves together: the seed, if one was sent. */
  seed: string;
  /** The seed that was really used; undefined if nobody knows. */
  partner: string | undefined;
  pictures: Picture[];
  /** What was refused, filtered, blank or quarantined. */
  missing: number;
}

/** What became of what was asked of a model. Predictions are counted, except where it says images. */
export interface Outcomes {
  model: string;
  asked: number;
  succeeded: number;
  refused: number;
  failed: number;
  canceled: number;
  /** Images. */
  shown: number;
  blank: number;
  filtered: number;
  quarantined: number;
  lost: number;
}

export interface Material {
  pairs: PairFacts[];
  units: Unit[];
  outcomes: Outcomes[];
  /** Names of factors, without the reference. */
  factors: string[];
  reference: string | undefined;
  /** Predictions that have the file or the seed of another one of their pair, and are counted with it. */
  equal: number;
  /** Where a cell belongs; undefined if its plan does not have it. */
  describe: (plan: AuditFacts['plan'], n: number) => Described | undefined;
}

export interface Described {
  prompt: { text: string; factors: Readonly<Record<string, string>>; reference?: number };
  model: string;
  sample: number;
}

/** The name of an image in a round. The cell has five digits there. */
export const imageOf = (audit: string, n: number, index: number): string =>
  `${audit}/${String(n).padStart(5, '0')}/${index}`;

/** Sorts what was asked by pair, and by what counts once. */
export function materialOf({ audits, images }: Pick<FindingsInput, 'audits' | 'images'>): Material {
  const itemAt = new Map(images.map((image, place) => [image, place]));
  const pairs = new Map<string, PairFacts>();
  const outcomes = new Map<string, Outcomes>();
  const found = new Map<number, NonNullable<ReturnType<typeof unitOf>>[]>();
  const describe = describer(audits);
  for (const { plan, cells } of audits)
    for (const cell of cells) {
      const described = describe(plan, cell.n);
      if (!described) continue;
      const { prompt, model } = described;
      count(outcomes, model, cell);
      const key = JSON.stringify([prompt.text, model]);
      const { text, ...rest } = prompt;
      const pair: PairFacts = pairs.get(key) ?? { place: pairs.size, prompt: text, ...rest, model };
      pairs.set(key, pair);
      const unit = unitOf(plan.id, pair.place, cell, itemAt);
      if (unit) found.set(pair.place, [...(found.get(pair.place) ?? []), unit]);
    }
  const merged = [...found.values()].map(mergeEqual);
  const named = [...pairs.values()].flatMap(({ factors }) => Object.keys(factors));
  return {
    pairs: [...pairs.values()],
    units: merged.flatMap(({ units }) => units),
    outcomes: [...outcomes.values()],
    factors: [...new Set(named)],
    reference: audits.find(({ plan }) => plan.reference !== undefined)?.plan.reference,
    equal: merged.reduce((sum, { equal }) => sum + equal, 0),
    describe,
  };
}

/** The reference of a prompt is no factor. It is a share, also where the design has percents. */
function describer(audits: readonly AuditFacts[]): Material['describe'] {
  const labels = modelLabels(audits);
  const isPercent = audits.some(({ plan }) =>
    plan.prompts.some(({ factors }) => plan.reference !== undefined && Number(factors?.[plan.reference]) > 1),
  );
  return (plan, n) => {
    const place = placeOf(plan, n);
    if (!place) return undefined;
    const { text, factors = {} } = plan.prompts[place.prompt]!;
    const about = { model: labels(plan, place.model), sample: place.sample };
    if (plan.reference === undefined) return { prompt: { text, factors }, ...about };
    const { [plan.reference]: referred, ...rest } = factors;
    const reference = Number(referred);
    const share = Number.isFinite(reference) ? { reference: isPercent ? reference / 100 : reference } : {};
    return { prompt: { text, factors: rest, ...share }, ...about };
  };
}

/** Models by their names; where several have one name, also by version, and where that is the same, by number. */
function modelLabels(audits: readonly AuditFacts[]) {
  const identity = ({ models, input }: AuditFacts['plan'], place: number) => {
    const { model, version, input: own } = models[place]!;
    return { model, version, text: canonicalJson([model, version, { ...input, ...own }]) };
  };
  const known = new Map<string, { model: string; version: string | null }>();
  for (const { plan } of audits)
    for (const place of plan.models.keys()) {
      const { text, ...named } = identity(plan, place);
      if (!known.has(text)) known.set(text, named);
    }
  const labels = new Map<string, string>();
  for (const [text, { model, version }] of known) {
    const others = [...known.values()].filter((other) => other.model === model);
    const versions = new Set(others.map((other) => other.version));
    const name = versions.size > 1 ? `${model} (${version?.slice(0, 8) ?? 'no version'})` : model;
    const taken = [...labels.values()].filter((label) => label === name || label.startsWith(`${name} #`));
    labels.set(text, taken.length > 0 ? `${name} #${taken.length + 1}` : name);
  }
  return (plan: AuditFacts['plan'], place: number) => labels.get(identity(plan, place).text)!;
}

function count(outcomes: Map<string, Outcomes>, model: string, cell: CellFacts): void {
  const sums: Outcomes = outcomes.get(model) ?? {
    ...{ model, asked: 0, succeeded: 0, refused: 0, failed: 0, canceled: 0 },
    ...{ shown: 0, blank: 0, filtered: 0, quarantined: 0, lost: 0 },
  };
  outcomes.set(model, sums);
  sums.asked++;
  if (
    cell.status === 'succeeded' ||
    cell.status === 'refused' ||
    cell.status === 'failed' ||
    cell.status === 'canceled'
  )
    sums[cell.status]++;
  if (cell.status === 'succeeded') sums.filtered += droppedOf(cell);
  for (const image of cell.images)
    if (isBlank(image)) sums.blank++;
    else if (image.status === 'ok') sums.shown++;
    else if (image.status === 'quarantined') sums.quarantined++;
    else sums.lost++;
}

/** @returns undefined for a cell that technical failures alone kept from showing something */
function unitOf(audit: string, pair: number, cell: CellFacts, itemAt: ReadonlyMap<string, number>) {
  const { n, status, seed, seedSource, images } = cell;
  if (status !== 'succeeded' && status !== 'refused') return undefined;
  // What raters saw counts as what it was when the round was made, also if it was purged since.
  const isRated = ({ index }: CellFacts['images'][number]) => itemAt.has(imageOf(audit, n, index));
  const valid = images.filter((image) => isRated(image) || (image.status === 'ok' && !isBlank(image)));
  const withheld = images.filter(
    (image) => !isRated(image) && (isBlank(image) || image.status === 'quarantined'),
  ).length;
  const missing = withheld + (status === 'refused' ? (valid.length > 0 ? 0 : 1) : droppedOf(cell));
  const parts = valid.length + missing;
  if (parts === 0) return undefined;
  const isReal = seed !== null && (seedSource === 'sent' || seedSource === 'log');
  const unit: Unit = {
    pair,
    seed: seed === null ? `${audit}/${n}` : String(seed),
    partner: isReal ? String(seed) : undefined,
    pictures: valid.map(({ index }) => ({
      item: itemAt.get(imageOf(audit, n, index)),
      weight: 1 / parts,
    })),
    missing: missing / parts,
  };
  return {
    unit,
    marks: [...valid.flatMap(({ sha256 }) => sha256 || []), ...(isReal ? [`seed ${seed}`] : [])],
  };
}

/**
 * Units of one pair that have a picture or a seed in common are one. A model that ignores its seed says nothing new with it, and
 * neither does one that draws a second time with the same.
 */
function mergeEqual(found: readonly { unit: Unit; marks: string[] }[]): { units: Unit[]; equal: number } {
  const groups: { place: number; marks: string[]; units: Unit[] }[] = [];
  const at = new Map<string, (typeof groups)[number]>();
  for (const { unit, marks } of found) {
    const same = [...new Set(marks.flatMap((mark) => at.get(mark) ?? []))];
    same.sort((one, other) => one.place - other.place);
    const [first = { place: groups.length, marks: [], units: [] }, ...rest] = same;
    if (same.length === 0) groups.push(first);
    for (const other of [...rest, { marks, units: [unit] }]) {
      first.marks.push(...other.marks);
      first.units.push(...other.units);
      for (const mark of other.marks) at.set(mark, first);
      other.units = [];
    }
  }
  const units = groups.flatMap(({ units: [first, ...rest] }): Unit | [] => {
    if (!first) return [];
    if (rest.length === 0) return first;
    const all = [first, ...rest];
    return {
      ...first,
      pictures: all.flatMap(({ pictures }) =>
        pictures.map(({ item, weight }) => ({ item, weight: weight / all.length })),
      ),
      missing: all.reduce((sum, { missing }) => sum + missing, 0) / all.length,
    };
  });
  return { units, equal: found.length - units.length };
}
