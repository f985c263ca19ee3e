/** What is counted of predictions' images, in the same way on the page and in a download. */
import type { Counts, ImageCounts } from './answers.ts';

interface CountedImage {
  status?: string | undefined;
  blank?: boolean | undefined;
  sha256?: string | undefined;
}
interface CountedPrediction {
  source?: 'imported' | undefined;
  asked?: number | undefined;
  returned?: number | undefined;
  filtered?: number | undefined;
  images: readonly CountedImage[];
}

/** Whether it is one even area, which several models return instead of refusing. */
export const isBlank = ({ status, blank }: CountedImage): boolean => status === 'ok' && blank === true;

/** The name under which an image is counted. */
export const countedAs = <Status extends string>(
  status: Status,
  blank: boolean | undefined,
): Status | 'blank' => (isBlank({ status, blank }) ? 'blank' : status);

/**
 * How many of the filtered images are not among the returned ones. A model that returns a blank picture instead of
 * what its filter dropped has returned all of them; what is missing of those that were requested was dropped for good.
 */
export function droppedOf({
  asked = 0,
  filtered = 0,
  images,
  returned = images.length,
}: CountedPrediction): number {
  const replaced = images.filter(isBlank).length;
  return Math.max(0, filtered - replaced, Math.min(filtered, asked - returned));
}

/** Counts the images of predictions. Images that are not judged yet are not counted. */
export function countImages(predictions: Iterable<CountedPrediction>): ImageCounts {
  const counts: ImageCounts = { ok: 0, blank: 0, quarantined: 0, lost: 0, filtered: 0 };
  for (const { filtered = 0, images } of predictions) {
    counts.filtered += filtered;
    for (const { status, blank } of images)
      if (status === 'ok' || status === 'quarantined' || status === 'lost')
        counts[countedAs(status, blank)]++;
  }
  return counts;
}

/** What is counted of an audit, or of several together. */
export interface Totals {
  predictions: number;
  counts: Counts;
  /** Undefined where one of them does not say. */
  images?: ImageCounts | undefined;
}

/** The counts of several audits together. */
export function addUp(audits: Iterable<Totals>): Totals {
  const counts: Counts = { waiting: 0, running: 0, succeeded: 0, failed: 0, refused: 0, canceled: 0 };
  let images: ImageCounts | undefined = countImages([]);
  let predictions = 0;
  for (const audit of audits) {
    predictions += audit.predictions;
    add(counts, audit.counts);
    if (!audit.images) images = undefined;
    else if (images) add(images, audit.images);
  }
  return { predictions, counts, images };
}

function add<Name extends string>(sums: Record<Name, number>, more: Record<Name, number>): void {
  for (const name of Object.keys(sums) as Name[]) sums[name] += more[name];
}

/** Pictures with the same bytes. */
export interface Equal {
  /** How many have them. */
  count: number;
  /** Pictures in all. */
  of: number;
  /** Nobody knows their seeds. */
  isImported?: true;
}

/**
 * The largest group of pictures with the same bytes; undefined if all differ. Blank pictures are no pictures here.
 * Different seeds make different pictures, so equal ones mean that a model ignores its seed.
 */
export function equalOf(predictions: Iterable<CountedPrediction>): Equal | undefined {
  const groups = new Map<string, number>();
  let of = 0;
  let isImported = false;
  for (const { images, source } of predictions) {
    isImported ||= source === 'imported';
    for (const image of images) {
      if (image.status !== 'ok' || isBlank(image) || image.sha256 === undefined) continue;
      of++;
      groups.set(image.sha256, (groups.get(image.sha256) ?? 0) + 1);
    }
  }
  const count = Math.max(0, ...groups.values());
  return count > 1 ? { count, of, ...(isImported ? { isImported } : {}) } : undefined;
}

/** `7 of 10 are the same file` */
export const equalInWords = ({ count, of }: Equal): string => `${count} of ${of} are the same file`;
