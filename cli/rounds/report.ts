import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { type Findings, type FindingsInput, findingsOf } from '../../lib/findings/findings.ts';
import { reportFiles, type Thumbnail } from '../../lib/findings/report/report.ts';
import { firstSamples } from '../../lib/findings/report/samples.ts';
import type { ApiClient } from '../api-client.ts';
import { writeLines } from '../download/download.ts';
import { CommandError, EXIT, fileFault } from '../exit.ts';
import type { Progress } from '../progress.ts';
import { type Located, type RoundFacts, readRound } from './read.ts';

const SCRIPT = new URL('../../lib/findings/report/recompute.py', import.meta.url);
/** Pixels of the longer side: 200 of them have less than 6 MB. */
const THUMBNAIL_PIXELS = 192;
const PARALLEL = 8;
const TIMEOUT_MS = 60_000;

export interface WrittenReport {
  folder: string;
  files: string[];
  findings: Findings;
  codebook: FindingsInput['codebook'];
  /** Sample pictures in the page, and those that could not be downloaded. */
  thumbnails: number;
  missing: number;
}

/**
 * Writes the report of a closed round into a folder. Files that are there are replaced.
 * @param reply text of what the makers of the models reply
 * @throws {CommandError} if the round is open, or the folder cannot be written
 */
export async function writeReport(
  client: ApiClient,
  round: string,
  folder: string,
  progress: Progress,
  reply?: string,
): Promise<WrittenReport> {
  const facts = await readRound(client, round, progress);
  const thumbnails = await fetchThumbnails(facts, progress);
  const script = await readFile(SCRIPT, 'utf8');
  const findings = findingsOf(facts.input);
  const more = { thumbnails: thumbnails.found, script, ...(reply === undefined ? {} : { reply }) };
  const files = await reportFiles({ ...facts.input, ...more }, findings);
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of files) await writeLines(join(folder, name), [text]);
  } catch (error) {
    throw new CommandError(EXIT.usage, `The folder ${folder} cannot be written: ${fileFault(error)}.`);
  }
  return {
    folder,
    files: [...files.keys()],
    findings,
    codebook: facts.input.codebook,
    thumbnails: thumbnails.found.size,
    missing: thumbnails.missing,
  };
}

/** The sample pictures, made small. One that cannot be downloaded is not there. */
async function fetchThumbnails({ input, located }: RoundFacts, progress: Progress) {
  const images = firstSamples(input).flatMap(({ samples }) => samples.flatMap(({ image }) => image ?? []));
  const row = progress.row('thumbnails', images.length);
  const limit = pLimit(PARALLEL);
  const found = new Map<string, Thumbnail>();
  let done = 0;
  await Promise.all(
    images.map((image) =>
      limit(async () => {
        const thumbnail = await fetchThumbnail(located.get(image)).catch(() => undefined);
        if (thumbnail) found.set(image, thumbnail);
        row.update(++done);
      }),
    ),
  );
  return { found, missing: images.length - found.size };
}

async function fetchThumbnail(of: Located | undefined): Promise<Thumbnail | undefined> {
  const url = of?.image.status === 'ok' ? of.image.rendition : undefined;
  if (!url) return undefined;
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) return undefined;
  // Loading it takes longer than other commands run.
  const { default: sharp } = await import('sharp');
  const size = {
    width: THUMBNAIL_PIXELS,
    height: THUMBNAIL_PIXELS,
    fit: 'inside',
    withoutEnlargement: true,
  } as const;
  const small = await sharp(await response.arrayBuffer())
    .resize(size)
    .webp({ quality: 70 })
    .toBuffer();
  return { contentType: 'image/webp', base64: small.toString('base64') };
}
