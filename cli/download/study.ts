import { createReadStream, createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify';
import type { Study } from '../../lib/contract/answers.ts';
import { studyPage } from '../../lib/download/gallery.ts';
import { rowOfStudy, studyManifest } from '../../lib/download/study.ts';
import { SUMS, sumLine } from '../../lib/download/sums.ts';
import type { ApiClient } from '../api-client.ts';
import type { Progress } from '../progress.ts';
import {
  type Downloaded,
  type DownloadOptions,
  downloadAudit,
  isComplete,
  manifestFiles,
  writeLines,
} from './download.ts';
import { cellLines, manifestHead } from './manifest-lines.ts';
import { hashFile, readSums } from './sums.ts';

export interface DownloadedStudy {
  folder: string;
  audits: ({ audit: string; complete: boolean } & Downloaded)[];
  /** Whether one manifest of all cells is in the folder. */
  manifest: boolean;
}

/**
 * Downloads the audits of a study, one after the other, each into a folder of its own, and makes one manifest of all
 * of their cells.
 * @throws {CommandError} if a folder or a manifest is not accessible
 */
export async function downloadStudy(
  client: ApiClient,
  study: Study,
  folder: string,
  options: DownloadOptions,
  progress: Progress,
): Promise<DownloadedStudy> {
  const one = oneRow(
    progress,
    study.audits.reduce((sum, { predictions }) => sum + predictions, 0),
  );
  const audits: DownloadedStudy['audits'] = [];
  for (const { id } of study.audits) {
    const done = await downloadAudit(client, id, join(folder, id), options, one);
    audits.push({ audit: id, complete: isComplete(done, options), ...done });
  }
  const withManifest = audits.filter((done) => done.manifest).map(({ audit }) => audit);
  const manifest = audits.length > 0 && withManifest.length === audits.length;
  if (manifest) {
    await mergeJson(study, folder, withManifest);
    await mergeCsv(folder, withManifest);
  }
  if (options.format === 'gallery' && audits.length > 0) {
    await writeLines(join(folder, 'index.html'), studyPage(study));
    const own = ['index.html', ...(manifest ? await manifestFiles(folder) : [])];
    await writeLines(
      join(folder, SUMS),
      await studySums(
        folder,
        own,
        study.audits.map(({ id }) => id),
      ),
    );
  }
  return { folder, audits, manifest };
}

/** Lines of SHA256SUMS for the files of a study and those of its audits. */
async function studySums(folder: string, own: string[], audits: string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const audit of audits) {
    const { files } = await readSums(join(folder, audit));
    for (const [file, sha256] of files) lines.push(sumLine(`${audit}/${file}`, sha256));
    own.push(`${audit}/${SUMS}`);
  }
  for (const file of own) lines.push(sumLine(file, await hashFile(join(folder, file))));
  return lines;
}

/** The progress of all downloads in one row of predictions. */
function oneRow(progress: Progress, total: number): Progress {
  const row = progress.row('predictions', total);
  let [before, done] = [0, 0];
  return {
    row(name) {
      if (name !== 'predictions') return { update() {} };
      before += done;
      done = 0;
      return {
        update(now, remark) {
          done = now;
          row.update(before + done, remark);
        },
      };
    },
    stop() {},
  };
}

/** Writes to a temporary file and renames it, so that the file is complete or absent. */
async function writeStream(path: string, ...streams: [Readable, ...NodeJS.ReadWriteStream[]]): Promise<void> {
  await pipeline([...streams, createWriteStream(`${path}.part`)]);
  await rename(`${path}.part`, path);
}

/** Never more than a line is in memory. */
async function mergeJson(study: Study, folder: string, audits: readonly string[]): Promise<void> {
  const texts = audits.map((audit) => {
    const path = join(folder, audit, 'manifest.json');
    return { audit, head: () => manifestHead(path), cells: () => cellLines(path) };
  });
  await writeStream(join(folder, 'manifest.json'), Readable.from(studyManifest(study, texts)));
}

/** All rows with a column `audit`, and the columns of all: audits have the factors of their own designs. */
async function mergeCsv(folder: string, audits: readonly string[]): Promise<void> {
  const manifestOf = (audit: string) => join(folder, audit, 'manifest.csv');
  const columns = new Set(['audit']);
  for (const audit of audits)
    for await (const head of createReadStream(manifestOf(audit)).pipe(parse({ bom: true, to: 1 })))
      for (const column of head as string[]) columns.add(column);
  const rows = async function* () {
    for (const audit of audits)
      for await (const row of createReadStream(manifestOf(audit)).pipe(parse({ bom: true, columns: true })))
        yield rowOfStudy(audit, row as Record<string, string>);
  };
  const lines = stringify({ header: true, columns: [...columns], bom: true });
  await writeStream(join(folder, 'manifest.csv'), Readable.from(rows()), lines);
}
