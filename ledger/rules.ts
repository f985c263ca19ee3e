import { isDeepStrictEqual } from 'node:util';
import type { Announced, AuditFacts, DeadLetter, Prediction, Reason, StoredObject } from './facts.ts';
import { differences } from './manifest.ts';

/** What has to hold of an audit that is over, and what it is called when it does not. */
export const PROMISES = {
  'every accepted audit ends': 'lost',
  'every cell has a result': 'lost',
  'every cell has a binding': 'lost',
  'what waits never fails': 'lost',
  'every output is stored, or the result says why not': 'lost',
  'an output that still exists is stored': 'lost',
  'nothing is lost': 'lost',
  'everything has its backup': 'lost',
  'every image that is ok and was decoded has its rendition': 'lost',
  'a fact is written once': 'duplicated',
  'a cell has one binding': 'duplicated',
  'every prediction is for a cell of its audit': 'duplicated',
  'a binding names a prediction of its cell': 'mismatched',
  'only what was aborted is marked so': 'mismatched',
  'a result is of the bound prediction': 'mismatched',
  'a result has the input that Replicate received': 'mismatched',
  'a result says how its prediction ended': 'mismatched',
  'a result invents no output': 'mismatched',
  'a result says which seed was used': 'mismatched',
  'a result says how many outputs were withheld': 'mismatched',
  'what was aborted is requested again': 'lost',
  'a picture that came in time is in its result': 'lost',
  'an import ends without a picture only if it did not come': 'mismatched',
  'a picture that came too late is shown to nobody': 'mismatched',
  'counts by LIST follow the results': 'mismatched',
  'an image is stored byte for byte': 'mismatched',
  'a cell holds the images of one prediction': 'mismatched',
  'every image is judged once': 'mismatched',
  'an image keeps its retention': 'mismatched',
  'a rendition has the status and retention of its image': 'mismatched',
  'a backup is its original': 'mismatched',
  'a backup has the tags of its original': 'mismatched',
  'summaries say what the results say': 'mismatched',
  'what a block cost is noted once': 'mismatched',
  'the manifest says what the results say': 'mismatched',
  'nothing is left over': 'orphaned',
  'only an image that is ok has a rendition': 'orphaned',
  'a rendition is not backed up': 'orphaned',
  'of a purged image nothing is left': 'orphaned',
  'of a deleted audit nothing is left': 'orphaned',
  'a deleted audit is not paid for any more': 'unexplained',
  'no cell is paid twice without a reason': 'unexplained',
  'no message dies without a fault': 'unexplained',
} as const;

export type Broken = keyof typeof PROMISES;

/** A broken promise: where, and what was found there. */
export interface Violation {
  promise: Broken;
  key: string;
  what: string;
}

/** Replicate deletes outputs an hour after the end; S3 gives times in whole seconds. */
const OUTPUT_LIVES_MS = 3_600_000 - 1_000;
/** What is beyond them is named by the first. */
const MOST_OUTPUTS = 100;
const ENDED = ['succeeded', 'failed', 'canceled', 'aborted'];
const iso = (at: number) => new Date(at).toISOString();
const nameOf = (cell: number) => String(cell).padStart(5, '0');
const broken = (promise: Broken, key: string, what: string): Violation => ({ promise, key, what });

interface StoredImage {
  index: number;
  key?: string;
  sha256?: string;
  error?: string;
}

interface Judgement {
  record: string;
  image: string;
  verdict: string;
}

type Facts = Omit<AuditFacts, 'reason'>;

interface Books extends Facts {
  made: Map<string, Prediction>;
  /** By the key of the image. */
  judged: Map<string, Judgement[]>;
  /** Keys of the markers of each cell. */
  markers: Map<number, string[]>;
  /** Keys that a rule accounts for. */
  accounted: Set<string>;
}

/** Everything that is wrong with an audit that is over. Key names are those of docs/design.md. */
export function checkAudit<P extends Prediction>(facts: AuditFacts<P>): Violation[] {
  const { audit, images, predictions, reason } = facts;
  const over = images.has(`deleted/${audit}`) ? checkDeleted : checkFinished;
  return [...over(facts), ...checkBackup(facts), ...checkPayments(audit, predictions, reason)];
}

/** Predictions that a cell has beyond its first, with the reason for each. */
export function paidAgain<P extends Prediction>(predictions: readonly P[], reason: Reason<P>) {
  const last = new Map<number, P>();
  return predictions.flatMap((after) => {
    const before = last.get(after.cell);
    last.set(after.cell, after);
    if (!before) return [];
    const isAborted = before.status === 'aborted' && before.completedAt! <= after.createdAt;
    const why = isAborted ? 'the one before was aborted before it started' : reason(before, after);
    return [{ before, after, why }];
  });
}

/** Second predictions of one audit that nothing explains. */
export const checkPayments = <P extends Prediction>(
  audit: string,
  predictions: readonly P[],
  reason: Reason<P>,
): Violation[] =>
  paidAgain(predictions, reason)
    .filter(({ why }) => why === undefined)
    .map(({ before, after }) =>
      broken(
        'no cell is paid twice without a reason',
        `images/${audit}/${nameOf(after.cell)}/0`,
        `${after.id} was asked for at ${iso(after.createdAt)} although there was ${before.id} since ${iso(before.createdAt)}`,
      ),
    );

/** Dead letters that no fault explains. */
export const checkDeadLetters = (letters: readonly DeadLetter[]): Violation[] =>
  letters
    .filter(({ why }) => why === undefined)
    .map(({ what }) => broken('no message dies without a fault', '', what));

function* checkDeleted({ audit, images, predictions }: Facts): Iterable<Violation> {
  for (const key of images.keys())
    if (key !== `deleted/${audit}` && !key.startsWith(`purged/${audit}/`))
      yield broken('of a deleted audit nothing is left', key, 'is still there');
  for (const { id, status } of predictions)
    if (!ENDED.includes(status))
      yield broken('a deleted audit is not paid for any more', `open/${audit}`, `${id} still runs`);
}

/** A rendition can be made again from its image. */
function* checkBackup({ backup }: Facts): Iterable<Violation> {
  for (const key of backup.keys())
    if (key.startsWith('renditions/')) yield broken('a rendition is not backed up', key, 'is in the backup');
}

function* checkFinished(facts: Facts): Iterable<Violation> {
  const { audit, cells, images, predictions } = facts;
  const books = {
    ...facts,
    made: new Map(predictions.map((one) => [one.id, one])),
    judged: Map.groupBy(judgementsOf(facts), ({ image }) => image),
    markers: Map.groupBy(
      [...images.keys()].filter((key) => key.startsWith(`audits/${audit}/failed/`)),
      (key) => Number(key.split('/').at(-1)!.slice(0, 5)),
    ),
    accounted: new Set<string>(),
  };
  if (images.has(`open/${audit}`))
    yield broken('every accepted audit ends', `open/${audit}`, 'the audit is still open');
  for (const { id, cell } of predictions)
    if (!(cell < cells))
      yield broken('every prediction is for a cell of its audit', `audits/${audit}`, `${id} is for ${cell}`);
  for (const name of ['audit.json', 'manifest.csv', 'manifest.json']) {
    const key = account(books, `audits/${audit}/${name}`);
    if (images.has(key)) yield* checkCopy(books, key);
    else yield broken('every accepted audit ends', key, 'is missing');
  }
  for (let cell = 0; cell < cells; cell++)
    yield* facts.imported ? checkImported(books, cell, facts.imported[cell]!) : checkCell(books, cell);
  yield* checkSummaries(books);
  for (const { key, what } of differences(facts, books.made))
    yield broken('the manifest says what the results say', key, what);
  yield* checkLeftOver(books);
}

/** A cell has one result, with the status of its prediction and all of its images. */
function* checkCell(books: Books, cell: number): Iterable<Violation> {
  const { audit, images, made, mayGiveUp, refused } = books;
  const key = account(books, `audits/${audit}/results/${nameOf(cell)}.json`);
  const result = images.get(key)?.json;
  if (!result) return yield broken('every cell has a result', key, 'is missing');
  yield* checkMarkers(books, cell);
  const binding = yield* checkBinding(books, cell);
  const id: string | undefined = binding?.predictionId;
  if (result.prediction?.id !== id)
    yield broken('a result is of the bound prediction', key, `is of ${result.prediction?.id}, not of ${id}`);
  if (id === undefined) {
    const isCanceled = result.status === 'canceled' && images.has(`audits/${audit}/cancel.json`);
    const isRefused = result.status === 'failed' && refused.has(cell);
    if (!isCanceled && !isRefused && !mayGiveUp)
      yield broken('what waits never fails', key, `${result.status} without a prediction: ${result.error}`);
    return;
  }
  const prediction = made.get(id);
  if (prediction?.cell !== cell)
    return yield broken('a binding names a prediction of its cell', key, `${id} is for ${prediction?.cell}`);
  if (!isDeepStrictEqual(prediction.input, result.sent?.input))
    yield broken('a result has the input that Replicate received', key, JSON.stringify(result.sent));
  if (prediction.status === 'aborted' && !prediction.forgotten)
    yield broken('what was aborted is requested again', key, `is ${result.status} by ${id}`);
  yield* checkReading(books, key, prediction);
  yield* checkOutputs(books, key, prediction);
}

/** Pictures are awaited for three days. */
const AWAITED_MS = 3 * 24 * 3_600_000;
/** A turn that did not see a picture writes the result within so long. */
const SEEN_MS = 150_000;

/** A picture that somebody uploaded is in its result, or the result says why not. */
function* checkImported(books: Books, cell: number, announced: Announced): Iterable<Violation> {
  const { audit, images, backup } = books;
  const key = account(books, `audits/${audit}/results/${nameOf(cell)}.json`);
  const result = images.get(key);
  if (!result) return yield broken('every cell has a result', key, 'is missing');
  yield* checkMarkers(books, cell);
  const name = account(books, `images/${audit}/${nameOf(cell)}/0`);
  const picture = images.get(name);
  const { status, images: named, error } = result.json;
  if (status === 'succeeded') {
    if (named.length !== 1 || announced.isEncoded)
      yield broken(
        'an import ends without a picture only if it did not come',
        key,
        JSON.stringify(result.json),
      );
    const { sha256, isBroken } = announced;
    return yield* checkImage(books, name, named[0], { hashes: [sha256], isQuarantined: isBroken });
  }
  const began = images.get(`audits/${audit}/audit.json`)!.modified;
  const isCanceled = status === 'canceled' && images.has(`audits/${audit}/cancel.json`);
  const isOver = status === 'failed' && result.modified - began >= AWAITED_MS - 1_000;
  const isEncoded = status === 'failed' && announced.isEncoded && picture !== undefined;
  if (!error || named.length > 0 || !(isCanceled || isOver || isEncoded))
    yield broken('an import ends without a picture only if it did not come', key, `${status}: ${error}`);
  if (!picture) return;
  if (!announced.isEncoded && result.modified - picture.modified > SEEN_MS)
    yield broken('a picture that came in time is in its result', key, `it came at ${iso(picture.modified)}`);
  if (picture.tags.status !== 'pending' || backup.has(name))
    yield broken('a picture that came too late is shown to nobody', name, JSON.stringify(picture.tags));
}

/** Each result is in one summary: that of its block, which is named after its first cell. */
function* checkSummaries(books: Books): Iterable<Violation> {
  const { audit, cells, images } = books;
  const folder = `audits/${audit}/blocks/`;
  let next = 0;
  const first: string[] = [];
  for (const key of [...images.keys()].filter((one) => one.startsWith(folder)).sort()) {
    first.push(nameOf(next));
    const summary: unknown[] = images.get(account(books, key))!.json;
    if (key !== `${folder}${nameOf(next)}.json`)
      yield broken('summaries say what the results say', key, `the next cell is ${next}`);
    for (const result of summary) {
      const single = images.get(`audits/${audit}/results/${nameOf(next)}.json`)?.json;
      if (!isDeepStrictEqual(result, single))
        yield broken('summaries say what the results say', key, `has another result of cell ${next}`);
      next++;
    }
  }
  yield* checkSpent(books, first);
  if (next !== cells)
    yield broken('summaries say what the results say', folder, `have ${next} of ${cells} results`);
}

/** What each block cost is noted once, and beside it what nobody needed. It may be more than its ceiling: an alarm says so. */
function* checkSpent(books: Books, blocks: string[]): Iterable<Violation> {
  const folder = `audits/${books.audit}/spent/`;
  const names = [...books.images.keys()]
    .filter((one) => one.startsWith(folder))
    .map((key) => account(books, key).slice(folder.length));
  const noted = names.filter((name) => !name.startsWith('extra-')).map((name) => name.split('.'));
  if (!isDeepStrictEqual(noted.map(([block]) => block).sort(), [...blocks].sort()))
    yield broken('what a block cost is noted once', folder, `names ${noted.join(' ')}, not ${blocks}`);
}

/**
 * A result that is no plain success has a marker with its counts and its size. Writers that were not the ones to create
 * the result leave markers of other sizes.
 */
function* checkMarkers(books: Books, cell: number): Iterable<Violation> {
  const { audit, images, markers } = books;
  const key = `audits/${audit}/results/${nameOf(cell)}.json`;
  const { json: result } = images.get(key)!;
  const size = Buffer.byteLength(JSON.stringify(result));
  const lost = result.images.filter((image: StoredImage) => !image.key).length;
  const counts = `${result.filtered ? `.filtered${result.filtered}` : ''}${lost ? `.lost${lost}` : ''}`;
  const expected = `${result.status}${counts}.${size}`;
  const names = (markers.get(cell) ?? []).map((marker) => {
    account(books, marker);
    return marker.slice(marker.indexOf('.') + 1);
  });
  const valid = names.filter((name) => name.split('.').at(-1) === String(size));
  const needed = expected === `succeeded.${size}` ? [] : [expected];
  if (!isDeepStrictEqual(valid, needed))
    yield broken(
      'counts by LIST follow the results',
      key,
      `is ${expected}, its markers say ${names.join(', ')}`,
    );
}

/** @returns the record that is in force: that of the last attempt, each behind a prediction that was aborted */
function* checkBinding(books: Books, cell: number) {
  const { audit, images, made } = books;
  const stem = `audits/${audit}/dispatched/${nameOf(cell)}`;
  for (let attempt = 1; ; attempt++) {
    const name = attempt === 1 ? stem : `${stem}-${attempt}`;
    const [binding, marker] = ['.json', '-aborted'].map((end) => images.get(account(books, name + end)));
    if (!binding) {
      yield broken('every cell has a binding', `${name}.json`, 'is missing');
      return undefined;
    }
    if (!marker) {
      if (images.has(`${stem}-${attempt + 1}.json`))
        yield broken('a cell has one binding', `${stem}-${attempt + 1}.json`, 'no marker of the one before');
      return binding.json;
    }
    const one = made.get(binding.json.predictionId);
    if (one?.status !== 'aborted')
      yield broken('only what was aborted is marked so', `${name}-aborted`, `${one?.id} is ${one?.status}`);
  }
}

/** What was read from the model's words. An hour after its end Replicate shows them no more. */
function* checkReading({ images }: Books, key: string, prediction: Prediction): Iterable<Violation> {
  const { json: result } = images.get(key)!;
  const { seed, withheld, forgotten } = prediction;
  if (result.prediction.dataRemoved || forgotten) return;
  const source = isDeepStrictEqual(seed, result.sent.input.seed) ? 'sent' : 'log';
  if (seed !== undefined && (result.seed !== seed || result.seedSource !== source))
    yield broken(
      'a result says which seed was used',
      key,
      `${result.seed} by ${result.seedSource}, not ${seed}`,
    );
  if (withheld !== undefined && result.filtered !== Math.min(withheld, result.asked))
    yield broken(
      'a result says how many outputs were withheld',
      key,
      `${result.filtered} of ${result.asked}, not ${withheld}`,
    );
}

function* checkOutputs(books: Books, key: string, prediction: Prediction): Iterable<Violation> {
  const { json: result, modified } = books.images.get(key)!;
  const { outputs, status } = prediction;
  const named: StoredImage[] = result.images;
  for (const [index, output] of outputs.entries()) {
    const image = named.find((one) => one.index === index);
    // Where nothing could be fetched within the hour, or Replicate forgot it, the result itself says so.
    const isSaidOfAll = named.length === 0 || prediction.forgotten;
    const reason = image ? image.error : isSaidOfAll ? result.error : undefined;
    // Once Replicate has removed them, nobody can know of outputs beyond those that were asked for.
    const isUnknown = index >= result.asked && modified - prediction.completedAt! >= OUTPUT_LIVES_MS;
    if (image?.key) {
      const name = `images/${books.audit}/${nameOf(prediction.cell)}/${image.index}`;
      const cut = [...(output.cut ?? [])];
      const isCut = cut.includes(books.images.get(name)?.sha256 ?? '');
      yield* checkImage(books, name, image, {
        ...{ hashes: [output.sha256, ...cut], isQuarantined: isCut, prediction: prediction.id },
      });
    } else if (!reason && !isUnknown && !(index > MOST_OUTPUTS && named[MOST_OUTPUTS]?.error))
      yield broken('every output is stored, or the result says why not', key, `output ${index} is not named`);
    else if (!output.gone && index < MOST_OUTPUTS && modified - prediction.completedAt! < OUTPUT_LIVES_MS)
      yield broken('an output that still exists is stored', key, `output ${index}: ${reason}`);
  }
  if (named.length > outputs.length)
    yield broken('a result invents no output', key, `names ${named.length} of ${outputs.length}`);
  const isStored = named.some((image) => image.key);
  const withdrawn = prediction.forgotten || result.prediction.dataRemoved;
  const statuses = [...statusesOf(prediction, isStored), ...(withdrawn ? ['failed'] : [])];
  if (!statuses.includes(result.status))
    yield broken(
      'a result says how its prediction ended',
      key,
      `is ${result.status}, Replicate says ${status}`,
    );
}

/** The statuses that a result may have. */
function statusesOf({ status, error, outputs, withheld }: Prediction, isStored: boolean): string[] {
  switch (status) {
    case 'succeeded':
      if (outputs.length === 0) return [withheld ? 'refused' : 'failed'];
      return [isStored ? 'succeeded' : 'failed'];
    case 'failed':
      return [/E005|NSFW/.test(error ?? '') ? 'refused' : 'failed'];
    case 'canceled':
      return ['canceled'];
    default:
      return ['failed', 'canceled'];
  }
}

/**
 * An image has the bytes that it should have, in both buckets, and one judgement that its tags repeat.
 * @param named what its result says of it
 */
function* checkImage(
  books: Books,
  key: string,
  named: StoredImage,
  { hashes, isQuarantined, prediction }: { hashes: string[]; isQuarantined: boolean; prediction?: string },
): Iterable<Violation> {
  const { audit, images, judged } = books;
  account(books, key);
  if (images.has(account(books, tombstoneOf(key)))) return yield* checkPurged(books, key);
  const image = images.get(key);
  if (named.key !== key || !image) return yield broken('nothing is lost', key, `is missing: ${named.key}`);
  if (!hashes.includes(image.sha256) || image.sha256 !== named.sha256)
    yield broken('an image is stored byte for byte', key, `is ${image.sha256}, it was made as ${hashes[0]}`);
  if (image.metadata.prediction !== prediction)
    yield broken('a cell holds the images of one prediction', key, `is of ${image.metadata.prediction}`);
  const { status, format, size, retention } = image.tags;
  const found = judged.get(key) ?? [];
  // Two that judge at once may each record it: readers join the records.
  const verdicts = [...new Set(found.map(({ verdict }) => verdict))];
  const isRepeated = verdicts.length === 1 && verdicts[0]!.startsWith(`${status}.${format}.`);
  if (status !== (isQuarantined ? 'quarantined' : 'ok') || !size || !isRepeated)
    yield broken('every image is judged once', key, `has ${JSON.stringify([image.tags, found])}`);
  if (!retention || retention !== images.get(`audits/${audit}/audit.json`)?.json.retention)
    yield broken('an image keeps its retention', key, `has ${JSON.stringify(image.tags)}`);
  yield* checkCopy(books, key);
  yield* checkRendition(books, key, image, found);
}

/** The small picture of an image that is shown. Records that are older than the decoder end without `.d<version>`. */
function* checkRendition(
  books: Books,
  image: string,
  { tags: { status, retention } }: StoredObject,
  judgements: readonly Judgement[],
): Iterable<Violation> {
  const key = account(books, renditionOf(image));
  const rendition = books.images.get(key);
  const isDecoded = judgements.some(({ verdict }) => /^ok\..+\.d\d+$/.test(verdict));
  if (!rendition) {
    if (status === 'ok' && isDecoded)
      yield broken('every image that is ok and was decoded has its rendition', key, 'is missing');
  } else if (status !== 'ok')
    yield broken('only an image that is ok has a rendition', key, `it is ${status}`);
  else if (rendition.tags.status !== status || rendition.tags.retention !== retention)
    yield broken(
      'a rendition has the status and retention of its image',
      key,
      `has ${JSON.stringify(rendition.tags)}`,
    );
}

/** Only the tombstone and a judgement are left of an image that an operator purged. */
function* checkPurged({ images, backup }: Books, image: string): Iterable<Violation> {
  for (const [bucket, objects] of Object.entries({ images, backup }))
    for (const key of [image, renditionOf(image)])
      if (objects.has(key)) yield broken('of a purged image nothing is left', key, `is in ${bucket}`);
}

const renditionOf = (image: string): string => image.replace(/^images/, 'renditions');
const tombstoneOf = (image: string): string => image.replace(/^images/, 'purged');

function* checkCopy({ images, backup }: Books, key: string): Iterable<Violation> {
  const [original, copy] = [images.get(key)!, backup.get(key)];
  if (!copy) return yield broken('everything has its backup', key, 'has none');
  if (copy.sha256 !== original.sha256) yield broken('a backup is its original', key, 'has other bytes');
  if (!isDeepStrictEqual(copy.tags, original.tags))
    yield broken('a backup has the tags of its original', key, JSON.stringify(copy.tags));
}

/** Nothing is there that no rule accounts for, and nothing but what passes was written twice. */
function* checkLeftOver(books: Books): Iterable<Violation> {
  const { audit, images, backup, judged, accounted } = books;
  const judgements = [...judged.values()].flat();
  for (const name of ['waiting.json', 'cancel.json']) account(books, `audits/${audit}/${name}`);
  for (const { record } of judgements) account(books, record);
  for (const key of images.keys()) if (key.startsWith(`audits/${audit}/rounds/`)) account(books, key);
  for (const { record, image } of judgements) if (!accounted.has(image)) accounted.delete(record);
  for (const [bucket, objects] of Object.entries({ images, backup }))
    for (const [key, { versions }] of objects) {
      if (!accounted.has(key) || !images.has(key))
        yield broken('nothing is left over', key, `is in ${bucket}`);
      if (versions > 1 && !key.endsWith('/waiting.json'))
        yield broken('a fact is written once', key, `has ${versions} versions in ${bucket}`);
    }
}

/** From keys such as `audits/<a>/judged/<n>/<i>.<verdict>_<i>.<verdict>`. */
const judgementsOf = ({ audit, images }: Facts): Judgement[] =>
  [...images.keys()].flatMap((record) => {
    const [, cell, names] = /\/judged\/(\d{5})\/(.+)$/.exec(record) ?? [];
    return (names?.split('_') ?? []).map((name) => {
      const [, index, verdict = ''] = /^(\d+)\.(.+)$/.exec(name) ?? [];
      return { record, image: `images/${audit}/${cell}/${index}`, verdict };
    });
  });

function account({ accounted }: Books, key: string): string {
  accounted.add(key);
  return key;
}
