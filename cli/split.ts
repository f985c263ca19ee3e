import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { factorNames, groupsOf, type Row } from '../lib/audits/rows.ts';
import { expandTemplate, TemplateError } from '../lib/audits/template.ts';
import { DESIGN, STUDY } from '../lib/limits.ts';
import { type DesignBody, designKey } from './design.ts';
import { CommandError, EXIT } from './exit.ts';
import { count, oneLine } from './output.ts';

/** What an audit takes. */
export interface Room {
  prompts: number;
  models: number;
  predictions: number;
  /** Of the body of its request. */
  bytes: number;
}

/** Of a body some is left for what is beside the prompts, such as inputs of twenty models. */
const ROOM: Room = { ...DESIGN, bytes: DESIGN.bodyBytes - 500_000 };

/** As far as this divides a design. */
const Divisible = v.looseObject({
  prompts: v.optional(
    v.array(
      v.union([
        v.string(),
        v.looseObject({
          text: v.string(),
          factors: v.optional(v.record(v.string(), v.string())),
          model: v.optional(v.string()),
        }),
      ]),
    ),
  ),
  template: v.optional(v.string()),
  factors: v.optional(v.record(v.string(), v.array(v.string()))),
  models: v.optional(v.array(v.union([v.string(), v.looseObject({ model: v.string() })]))),
  samples: v.optional(v.number()),
  compare: v.optional(v.array(v.string())),
  reference: v.optional(v.string()),
  name: v.optional(v.string()),
  maxCost: v.optional(v.number()),
});

/** Prompts that have to be in one audit, and what they take of its room. */
interface Unit {
  prompts: { place: number; prompt: string | Row }[];
  texts: Set<string>;
  models: Set<string>;
  /** Of prompt and model. */
  pairs: number;
  bytes: number;
}

/**
 * The audits that a design becomes: itself, or, if it is too large for one, parts of its prompts in their order, each as
 * full as an audit may be. All rows of one prompt stay together, and so do prompts that share seeds. The parts have one seed, which follows from the whole
 * design: each prompt has the seeds that it would have in one audit of the whole, and the same design has the same parts.
 * @param label distinguishes intended repetitions of the same design
 * @throws {CommandError} if a prompt alone is too large, or there are more parts than a study takes
 */
export function splitDesign(design: DesignBody, label = '', room: Room = ROOM): DesignBody[] {
  // The API says what is wrong with it.
  if (!v.is(Divisible, design)) return [design];
  const samples = design.samples ?? 1;
  const parts: Unit[] = [];
  for (const unit of unitsOf(design, room)) {
    if (!fits(unit, samples, room)) throw tooLarge(unit, samples, room);
    const last = parts.at(-1);
    if (last && fits(unit, samples, room, last)) absorb(last, unit);
    else parts.push(unit);
  }
  if (parts.length <= 1) return [design];
  if (parts.length > STUDY.audits)
    throw new CommandError(
      EXIT.usage,
      `This design is so large that it becomes ${count(parts.length, 'audit')}, and a study takes at most ${STUDY.audits}. Split it into several files, and take a study for each.`,
    );
  const pairs = parts.reduce((sum, part) => sum + part.pairs, 0);
  const seed = design.seed ?? seedFrom(designKey(design, label));
  return parts.map((part, place) => ({
    ...partOf(design, part),
    seed,
    ...(design.name === undefined ? {} : { name: partName(design.name, place + 1) }),
    // In millionths of a dollar, and together not more than the whole.
    ...(design.maxCost === undefined
      ? {}
      : { maxCost: Math.floor((design.maxCost * 1e6 * part.pairs) / pairs) / 1e6 }),
  }));
}

const textOf = (prompt: string | Row): string => rowOf(prompt).text.trim();

/** The prompts of a design, those of a template filled in. */
function promptsOf({ prompts, template, factors = {} }: DesignBody, room: Room): (string | Row)[] {
  if (template === undefined) return prompts ?? [];
  try {
    const most = { prompts: room.prompts * STUDY.audits, promptLength: DESIGN.promptLength };
    return expandTemplate(template, factors, most);
  } catch (error) {
    if (error instanceof TemplateError) throw new CommandError(EXIT.usage, `The ${error.message}`);
    throw error;
  }
}

function unitsOf(design: DesignBody, room: Room): Iterable<Unit> {
  const all = (design.models ?? []).map((model, place) =>
    // One model may be named twice, with different inputs.
    typeof model === 'string' ? model : `${model.model} ${place}`,
  );
  const units = new Map<string, Unit>();
  for (const [place, prompt] of promptsOf(design, room).entries()) {
    const text = textOf(prompt);
    const models = typeof prompt === 'object' && prompt.model !== undefined ? [prompt.model] : all;
    const bytes = Buffer.byteLength(JSON.stringify(prompt)) + 1;
    const unit: Unit = {
      prompts: [{ place, prompt }],
      ...{ texts: new Set([text]), models: new Set(models), pairs: models.length, bytes },
    };
    const before = units.get(text);
    units.set(text, before ? absorb(before, unit) : unit);
  }
  return groupedBy(design, [...units.values()]);
}

/** Prompts that share seeds as one unit: the seeds follow from the text of the first of them. */
function groupedBy({ compare = [], reference }: DesignBody, units: Unit[]): Iterable<Unit> {
  if (compare.length === 0) return units;
  const firsts = groupsOf(
    units.map(({ prompts: [first] }) => rowOf(first!.prompt)),
    compare,
    reference,
  );
  const groups = new Map<number, Unit>();
  for (const [place, unit] of units.entries()) {
    const before = groups.get(firsts[place]!);
    groups.set(firsts[place]!, before ? absorb(before, unit) : unit);
  }
  return groups.values();
}

const rowOf = (prompt: string | Row): Row => (typeof prompt === 'string' ? { text: prompt } : prompt);

/** Adds a unit to another. */
function absorb(unit: Unit, more: Unit): Unit {
  unit.prompts.push(...more.prompts);
  for (const text of more.texts) unit.texts.add(text);
  for (const model of more.models) unit.models.add(model);
  unit.pairs += more.pairs;
  unit.bytes += more.bytes;
  return unit;
}

/** Whether a unit, or a part and another unit that has none of its texts, has room in an audit. */
function fits(unit: Unit, samples: number, room: Room, part?: Unit): boolean {
  const models = [...unit.models].filter((model) => !part?.models.has(model));
  return (
    unit.texts.size + (part?.texts.size ?? 0) <= room.prompts &&
    models.length + (part?.models.size ?? 0) <= room.models &&
    (unit.pairs + (part?.pairs ?? 0)) * samples <= room.predictions &&
    unit.bytes + (part?.bytes ?? 0) <= room.bytes
  );
}

function partOf(
  { template: _, factors: __, models, compare = [], reference, ...design }: DesignBody,
  part: Unit,
): DesignBody {
  const prompts = part.prompts.toSorted((one, other) => one.place - other.place).map(({ prompt }) => prompt);
  const rows = prompts.map(rowOf);
  // A model that none of these prompts goes to would be refused, and so would a factor that none of them has.
  const isPaired = rows.every(({ model }) => model !== undefined);
  const used = isPaired
    ? models?.filter((entry) => part.models.has(typeof entry === 'string' ? entry : entry.model))
    : models;
  const names = factorNames(rows);
  const compared = compare.filter((name) => names.includes(name));
  return {
    ...design,
    prompts,
    ...(used && used.length > 0 ? { models: used } : {}),
    ...(compared.length > 0 ? { compare: compared } : {}),
    ...(reference !== undefined && names.includes(reference) ? { reference } : {}),
  };
}

/** `Occupations (part 2)`: without their number, so that it is said nowhere what may change. */
function partName(name: string, part: number): string {
  const end = ` (part ${part})`;
  return `${Array.from(name)
    .slice(0, DESIGN.nameLength - end.length)
    .join('')}${end}`;
}

/** 31 bits, as the API draws a seed that a design does not name. */
const seedFrom = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0) >>> 1;

function tooLarge({ prompts, texts, pairs }: Unit, samples: number, room: Room): CommandError {
  const first = `"${oneLine(textOf(prompts[0]?.prompt ?? ''), 60)}"`;
  const which =
    texts.size === 1
      ? `The prompt ${first} alone`
      : `The ${texts.size} prompts that are compared with ${first}`;
  return new CommandError(
    EXIT.usage,
    `${which} would be ${count(pairs * samples, 'prediction')} in one audit, and an audit has at most ${room.prompts.toLocaleString('en')} prompts, ${room.predictions.toLocaleString('en')} predictions and ${room.models} models. Take fewer ${texts.size === 1 ? 'models or samples' : 'models or samples, or compare fewer of them'}. For more samples, run the same design again with another --key.`,
  );
}

/**
 * Refuses a design that is too large for one audit and is not meant to be several.
 * @throws {CommandError}
 */
export function requireOne(parts: readonly DesignBody[]): void {
  if (parts.length <= 1) return;
  const prompts = parts.reduce((sum, part) => sum + (part.prompts?.length ?? 0), 0);
  throw new CommandError(
    EXIT.usage,
    `This design with ${count(prompts, 'prompt')} is too large for one audit: an audit has at most ${DESIGN.prompts.toLocaleString('en')} prompts, ${DESIGN.predictions.toLocaleString('en')} predictions and ${DESIGN.models} models. Pass --study "a name" to run it as ${parts.length} audits under one name, or take fewer prompts, models or samples. Nothing was started.`,
  );
}
