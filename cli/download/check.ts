import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import pLimit from 'p-limit';
import { SUMS } from '../../lib/download/sums.ts';
import { fileName } from '../../lib/image-file.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Progress } from '../progress.ts';
import { cellLines, isOfStudy } from './manifest-lines.ts';
import { hashFile, readSums } from './sums.ts';

/** What is wrong with a file of a download, in words for people. */
export interface FileProblem {
  /** Path inside the folder, with `/`; of a line of SHA256SUMS that names no file, the line. */
  file: string;
  problem: string;
}

export interface FolderFindings {
  /** Files that SHA256SUMS lists. */
  files: number;
  problems: FileProblem[];
  /** SHA-256 of SHA256SUMS: it stands for all files, so a note of it elsewhere vouches for the whole folder. */
  seal: string;
}

/** Files read at a time. */
const PARALLEL = 8;
/** What the file managers of macOS and Windows leave in every folder that they show. */
const OF_FILE_MANAGERS = ['.DS_Store', 'Thumbs.db', 'desktop.ini'];

/**
 * Checks a download without any connection: every file against SHA256SUMS, and SHA256SUMS against the manifest.
 * @throws {CommandError} if the folder is no finished download
 */
export async function checkFolder(folder: string, progress: Progress): Promise<FolderFindings> {
  const sums = await readSums(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new CommandError(
      EXIT.usage,
      `${folder} has no file ${SUMS}: it is no download of an audit, or the download did not finish, or it has another format than "gallery". Run "npx weaudit download <audit> ${folder}" again.`,
    );
  });
  const problems = sums.unreadable.map((file) => ({ file, problem: `a line of ${SUMS} that names no file` }));
  const found = await filesIn(folder);
  const row = progress.row('checked', sums.files.size);
  const limit = pLimit(PARALLEL);
  let done = 0;
  const check = async ([file, sha256]: [string, string]): Promise<FileProblem | undefined> => {
    const isFile = found.get(file);
    const problem =
      isFile === undefined
        ? 'missing'
        : !isFile
          ? 'not a file but a link or a device'
          : (await hashFile(join(folder, file))) === sha256
            ? undefined
            : 'changed: its SHA-256 is another';
    row.update(++done);
    return problem && { file, problem };
  };
  const checked = await Promise.all([...sums.files].map((entry) => limit(check, entry)));
  problems.push(...checked.filter((problem) => problem !== undefined));
  for (const file of found.keys())
    if (file !== SUMS && !sums.files.has(file))
      problems.push({ file, problem: `added: ${SUMS} does not list it` });
  if (!problems.some(({ file }) => file === 'manifest.json'))
    problems.push(...(await compareWithManifest(folder, sums.files).catch(unreadable)));
  return { files: sums.files.size, problems, seal: await hashFile(join(folder, SUMS)) };
}

/** The path of an image in a download, or in that of a study. */
const IMAGE = /^([^/]+\/)?images\//;

/** Paths inside the folder, and whether each is a regular file. */
async function filesIn(folder: string): Promise<Map<string, boolean>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => !entry.isDirectory() && !OF_FILE_MANAGERS.includes(entry.name))
      .map((entry) => [
        relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'),
        entry.isFile(),
      ]),
  );
}

/** What this reads of a manifest. Older ones do not name the files of their images. */
interface Manifest {
  cells: {
    /** In the manifest of a study, whose audits have folders of their own. */
    audit?: string;
    n: number;
    images: { index: number; status?: string; sha256?: string; contentType?: string; file?: string }[];
  }[];
}

/** A manifest that was exchanged could keep its images from being compared. */
function unreadable(error: NodeJS.ErrnoException): FileProblem[] {
  // The disk is at fault.
  if (error.code !== undefined) throw error;
  return [
    {
      file: 'manifest.json',
      problem: `cannot be read as a manifest, so that no image was compared with it: ${error.message}`,
    },
  ];
}

/** Somebody who exchanges or adds an image can change SHA256SUMS, too: the manifest names each image as well. */
async function compareWithManifest(folder: string, sums: Map<string, string>): Promise<FileProblem[]> {
  if (!sums.has('manifest.json'))
    return [{ file: 'manifest.json', problem: 'not downloaded: the audit had none yet. Download it again.' }];
  const problems: FileProblem[] = [];
  const named = new Set<string>();
  for await (const { audit, n, images } of cellsIn(join(folder, 'manifest.json')))
    for (const { index, status, sha256, contentType, file } of images) {
      const inside = audit === undefined ? '' : `${audit}/`;
      const name = file ?? `${inside}images/${fileName(n, index, contentType)}`;
      named.add(name);
      if (status !== 'ok' || sha256 === undefined) continue;
      const sum = sums.get(name);
      if (sum === undefined)
        problems.push({
          file: name,
          problem: 'not downloaded, or removed: the manifest names it, SHA256SUMS does not',
        });
      else if (sum !== sha256)
        problems.push({
          file: name,
          problem: 'exchanged: the manifest names another SHA-256 than SHA256SUMS',
        });
    }
  for (const file of sums.keys())
    if (IMAGE.test(file) && !named.has(file))
      problems.push({ file, problem: 'added: SHA256SUMS lists it, but the manifest does not name it' });
  return problems;
}

/** The cells of a manifest; that of a study is read line by line. */
async function* cellsIn(path: string): AsyncGenerator<Manifest['cells'][number]> {
  if (await isOfStudy(path))
    for await (const line of cellLines(path)) yield JSON.parse(line) as Manifest['cells'][number];
  else yield* (JSON.parse(await readFile(path, 'utf8')) as Manifest).cells;
}
