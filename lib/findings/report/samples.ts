import { isBlank } from '../../contract/counted.ts';
import { escapeHtml } from '../../html.ts';
import { type CellFacts, type FindingsInput, imageOf, materialOf } from '../facts.ts';
import { shown } from '../words.ts';

/** The sample pictures of a report: the first of each prompt and model by their numbers, never chosen. */

/** Most pictures in a report, and most of one prompt and model. */
export const MOST_SAMPLES = 200;
const MOST_OF_PAIR = 8;

export interface Sample {
  /** From 0. */
  sample: number;
  /** `<audit>/<cell>/<index>`; undefined where there is nothing to show. */
  image: string | undefined;
  /** Why there is nothing to show. */
  why: string;
}

export interface SampledPair {
  prompt: string;
  model: string;
  samples: Sample[];
}

/** @returns at most 200 pictures; of more than 200 prompts and models the first 200 */
export function firstSamples(input: Pick<FindingsInput, 'audits' | 'images' | 'snapshot'>): SampledPair[] {
  const { audits, images, snapshot } = input;
  const { describe, pairs } = materialOf(input);
  const hidden = new Set(snapshot.reported.map((place) => images[place]));
  const each = Math.max(1, Math.min(MOST_OF_PAIR, Math.floor(MOST_SAMPLES / Math.max(1, pairs.length))));
  const found = new Map<string, SampledPair>();
  for (const { plan, cells } of audits)
    for (const cell of [...cells].sort((one, other) => one.n - other.n)) {
      const described = describe(plan, cell.n);
      if (!described) continue;
      const { prompt, model, sample } = described;
      const key = JSON.stringify([prompt.text, model]);
      const pair = found.get(key) ?? { prompt: prompt.text, model, samples: [] };
      if (found.size >= MOST_SAMPLES && !found.has(key)) continue;
      found.set(key, pair);
      if (pair.samples.length < each) pair.samples.push({ sample, ...shownOf(plan.id, cell, hidden) });
    }
  return [...found.values()];
}

function shownOf(
  audit: string,
  { n, status, images }: CellFacts,
  hidden: ReadonlySet<string | undefined>,
): Pick<Sample, 'image' | 'why'> {
  const first = images[0];
  if (!first)
    return { image: undefined, why: status === 'succeeded' ? "dropped by the model's filter" : status };
  const image = imageOf(audit, n, first.index);
  if (hidden.has(image)) return { image: undefined, why: 'hidden, because a rater reported it' };
  if (isBlank(first)) return { image: undefined, why: 'blank' };
  return first.status === 'ok' ? { image, why: '' } : { image: undefined, why: first.status ?? 'not judged' };
}

/** A small picture, as it is written into the page. */
export interface Thumbnail {
  contentType: 'image/webp' | 'image/png' | 'image/jpeg';
  base64: string;
}

/**
 * The grid of samples as HTML. A thumbnail that is missing or one too many is said to be.
 * @param most bytes of all thumbnails together
 */
export function samplesHtml(
  sampled: readonly SampledPair[],
  thumbnails: ReadonlyMap<string, Thumbnail>,
  most: number,
): string {
  let left = most;
  const tile = ({ prompt, model }: SampledPair, { sample, image, why }: Sample) => {
    const caption = `<figcaption>sample ${sample + 1}</figcaption>`;
    const thumbnail = image === undefined ? undefined : thumbnails.get(image);
    if (!thumbnail || thumbnail.base64.length > left) {
      const words =
        image === undefined
          ? why
          : thumbnail
            ? 'left out: the page would be too large'
            : 'not available any more';
      return `<figure><div class="none">${escapeHtml(words)}</div>${caption}</figure>`;
    }
    left -= thumbnail.base64.length;
    const alt = escapeHtml(`${shown(prompt)}, by ${shown(model)}, sample ${sample + 1}`);
    return `<figure><img alt="${alt}" src="data:${thumbnail.contentType};base64,${thumbnail.base64}">${caption}</figure>`;
  };
  return sampled
    .map(
      (pair) =>
        `<h3>${escapeHtml(shown(pair.prompt))} <span class="quiet">by ${escapeHtml(shown(pair.model))}</span></h3>\n<div class="samples">${pair.samples
          .map((sample) => tile(pair, sample))
          .join('')}</div>`,
    )
    .join('\n');
}
