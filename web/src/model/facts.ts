import { isReference } from '../../../lib/contract/secret-reference.ts';
import { type FormatName, NAMES } from '../../../lib/images/verdict.ts';
import { sizeClass } from '../../../lib/limits.ts';
import type { Plan, PlannedModel, Prediction, PredictionImage } from '../api/types.ts';
import { SEEN, words } from '../words/facts.ts';
import { placeOf } from './axes.ts';

/** One line about an image. */
export interface Fact {
  /** Unique among the facts of an image, where the name, which designs choose, may not be. */
  id?: string;
  name: string;
  value: string;
  /** Long and without spaces, such as a checksum. */
  code?: true;
  /** What it is good for, below the value. */
  hint?: string;
}

/** The seed is unknown and absent when the log names one in a way that cannot be read. */
const seedText = ({ seed, seedSource }: Prediction): string =>
  seed === null && seedSource === 'unknown'
    ? words.unknownSeed
    : words.seedFrom(String(seed ?? words.noSeed), seedSource);

/** What was seen when the image was decoded. Images that were judged before there was a decoder have none of it. */
function seenText(image: PredictionImage): string | undefined {
  if (image.animated === undefined) return undefined;
  const name = image.format && NAMES[image.format as FormatName];
  return [name, ...SEEN.map(([fact, words]) => image[fact] && words), image.reason]
    .filter((part) => typeof part === 'string')
    .join(', ');
}

/** As JSON, but for the names of stored secrets. */
function inputsText(input: Record<string, unknown>): string {
  const members = Object.entries(input).map(
    ([name, value]) => `${JSON.stringify(name)}:${secretText(value) ?? JSON.stringify(value)}`,
  );
  return `{${members.join(',')}}`;
}

/** The value of an input that names a stored secret, for people; undefined for any other. */
export const secretText = (value: unknown): string | undefined =>
  isReference(value) ? words.secret(value.secret) : undefined;

/** All that a model is given, by the audit or for this model alone. */
export const inputOf = (plan: Plan, model: PlannedModel | undefined): Record<string, unknown> => ({
  ...plan.input,
  ...model?.input,
});

/** Each input of a prediction as a fact of its own, to be compared with those of another. */
export const inputFacts = (plan: Plan, n: number): Fact[] =>
  Object.entries(inputOf(plan, plan.models[placeOf(plan, n).model])).map(([name, value]) => ({
    id: `i:${name}`,
    name: words.input(name),
    value: secretText(value) ?? JSON.stringify(value),
  }));

/** Everything that is known about an image and its prediction, for people to read. */
export function factsOf(plan: Plan, prediction: Prediction, index: number): Fact[] {
  const image = prediction.images.find((candidate) => candidate.index === index);
  const { model: m, prompt } = placeOf(plan, prediction.n);
  const isImported = plan.source === 'imported';
  const input = inputOf(plan, plan.models[m]);
  const facts: (Fact | undefined | false)[] = [
    { name: words.prompt, value: prediction.prompt },
    ...Object.entries(prediction.factors ?? {}).map(([name, value]) => ({ id: `f:${name}`, name, value })),
    { name: words.model, value: prediction.model },
    isImported
      ? { name: words.source, value: words.importedBy(plan.createdBy) }
      : { name: words.version, value: prediction.version, code: true },
    Object.keys(input).length > 0 && { name: words.inputs, value: inputsText(input), code: true },
    {
      name: words.sample,
      value: words.sampleOf(prediction.sample + 1, plan.counts?.[prompt] ?? plan.samples),
    },
    !isImported && { name: words.seed, value: seedText(prediction) },
    {
      name: words.outcome,
      value: prediction.error ? `${prediction.status}: ${prediction.error}` : prediction.status,
    },
    prediction.asked !== undefined &&
      (prediction.asked > 1 || (prediction.filtered ?? 0) > 0) && {
        name: words.images,
        value: words.imagesOf(prediction.asked, prediction.returned ?? 0, prediction.filtered ?? 0),
      },
    prediction.askedAt !== undefined && { name: words.requested, value: words.moment(prediction.askedAt) },
    prediction.completedAt !== undefined && {
      name: words.completed,
      value:
        prediction.predictTime === undefined
          ? words.moment(prediction.completedAt)
          : words.completedAfter(prediction.completedAt, prediction.predictTime),
    },
    prediction.predictionId !== undefined && {
      name: words.predictionId,
      value: prediction.predictionId,
      code: true,
    },
  ];
  if (image) {
    const { width = 0, height = 0, bytes, contentType, sha256 } = image;
    const format = image.format ?? contentType?.replace('image/', '');
    const seen = seenText(image);
    const tags = [
      `status=${image.status}`,
      format && image.status === 'ok' && `format=${format}`,
      width > 0 && `size=${sizeClass({ width, height })}`,
      `retention=${plan.retention}`,
    ].filter((tag) => typeof tag === 'string' && tag !== '');
    facts.push(
      width > 0 && {
        name: words.size,
        value: [words.pixels(width, height), bytes && words.bytes(bytes), format].filter(Boolean).join(', '),
      },
      seen !== undefined && { name: words.decoded, value: seen },
      sha256 !== undefined && {
        ...{ name: words.sha256, value: sha256, code: true },
        hint: isImported ? words.fingerprintOfImport : words.fingerprint,
      },
      image.status !== 'lost' && { name: words.tags, value: tags.join('  '), code: true },
    );
  }
  return facts.filter((fact): fact is Fact => typeof fact === 'object');
}
