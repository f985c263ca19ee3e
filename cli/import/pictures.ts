import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join, matchesGlob, posix, relative } from 'node:path';
import pLimit from 'p-limit';
import { SNIFF_BYTES, sniffFormat } from '../../lib/images/formats.ts';
import type { ShownFormat } from '../../lib/images/verdict.ts';
import { DESIGN, IMAGE_BYTES } from '../../lib/limits.ts';
import { CommandError, EXIT, fileFault } from '../exit.ts';
import { count, size } from '../output.ts';

/** A row of the table: a prompt, and which files are its pictures. */
export interface ImportRow {
  /** `row 3`, as messages name it. */
  place: string;
  /** The place of its prompt, from 0. Rows with the same prompt have the same. */
  prompt: number;
  text: string;
  /** A file, a folder or a pattern inside the folder; undefined if the table has no column `file`. */
  file: string | undefined;
  /** Without a column `file`: one that looks as if it were meant. */
  almost?: string | undefined;
}

/** A file that a row names. */
export interface NamedFile {
  prompt: number;
  place: string;
  /** Path inside the folder, with `/`. */
  file: string;
}

/** A picture as it is announced. */
export interface FoundPicture extends NamedFile {
  sha256: string;
  bytes: number;
  format: ShownFormat;
}

const EXTENSION = /\.(png|jpe?g|jfif|webp|gif|avif|svg)$/i;
const PATTERN = /[*?[{]/;
const PARALLEL_READS = 4;
/** Problems that an error names. */
const NAMED = 5;

const wrong = (message: string) => new CommandError(EXIT.usage, message);

/** What is in a folder and below it, as paths inside it, without hidden ones. */
export interface Listed {
  /** As people number them: 2 before 10. */
  files: string[];
  /** They could lead out of the folder, and are not followed. */
  links: string[];
}

/** @throws {CommandError} for a folder that cannot be read */
export async function listFiles(folder: string): Promise<Listed> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw wrong(`The folder ${folder} cannot be read: ${fileFault(error)}.`);
  });
  const { compare } = new Intl.Collator('en', { numeric: true });
  const pathsOf = (of: typeof entries) =>
    of
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
      .filter((file) => !/(^|\/)\./.test(file))
      .sort((one, other) => compare(one, other));
  return {
    files: pathsOf(entries.filter((entry) => entry.isFile())),
    links: pathsOf(entries.filter((entry) => entry.isSymbolicLink())),
  };
}

/**
 * Finds the files of each row: those that its column `file` names, or, without this column, those in the folder that is
 * named like the prompt or like its number.
 * @returns the files in the order of prompts, and pictures that no row names
 * @throws {CommandError} naming the row, for one without files, or a file that is of two prompts
 */
export function matchFiles(
  listed: Listed,
  rows: readonly ImportRow[],
): { named: NamedFile[]; unnamed: string[] } {
  const { files } = listed;
  const taken = new Map<string, NamedFile>();
  const inFolders = inFoldersOf(files);
  for (const row of rows) {
    const found = row.file === undefined ? inFolderOf(row, inFolders) : filesOf(row, row.file, listed);
    for (const file of found) {
      const before = taken.get(file);
      if (before && before.prompt !== row.prompt)
        throw wrong(
          `${row.place}: ${file} is a picture of ${before.place} already, whose prompt is another. A picture has one prompt: correct one of the two rows.`,
        );
      if (!before) taken.set(file, { prompt: row.prompt, place: row.place, file });
    }
  }
  const named = [...taken.values()].sort((one, other) => one.prompt - other.prompt);
  checkCounts(named);
  return { named, unnamed: files.filter((file) => !taken.has(file) && EXTENSION.test(file)) };
}

function filesOf(row: ImportRow, written: string, { files, links }: Listed): string[] {
  const wanted = posix.normalize(written.trim().replaceAll('\\', '/')).replace(/\/$/, '');
  if (written.trim() === '')
    throw wrong(
      `${row.place}: "file" is empty. Name a file, a folder, or several files by a pattern such as doctors/*.png.`,
    );
  if (wanted.startsWith('/') || wanted.startsWith('..') || /^[a-z]:\//i.test(wanted))
    throw wrong(`${row.place}: ${written} is outside the folder. Name the file as it is inside the folder.`);
  // A name may hold the characters of patterns: files of Midjourney do.
  if (files.includes(wanted)) return [wanted];
  const found = inside(wanted, files);
  if (found.length > 0) return found;
  if (links.includes(wanted))
    throw wrong(
      `${row.place}: ${written} is a link, and links are not followed. Put the file itself into the folder.`,
    );
  const name = wanted.toLowerCase();
  const alike = files.find((file) => {
    const names = [file, posix.basename(file)].map((one) => one.toLowerCase());
    return names.some((one) => one === name || one.replace(EXTENSION, '') === name);
  });
  const advice = alike
    ? `Did you mean ${alike}?`
    : 'Write it as it is in the folder, with its extension; for several files write a row for each, or a pattern such as doctors/*.png.';
  throw wrong(
    `${row.place}: ${PATTERN.test(wanted) ? 'no picture is named like' : 'there is no file'} ${written}. ${advice}`,
  );
}

/** Files of a name, in a folder or like a pattern. Macs write an accent as a character of its own, tables mostly do not. */
function inside(wanted: string, files: readonly string[]): string[] {
  const name = wanted.normalize('NFC');
  const found = (fits: (file: string) => boolean) => files.filter((file) => fits(file.normalize('NFC')));
  const same = found((file) => file === name);
  if (same.length > 0) return same;
  const below = name === '.' ? files : found((file) => file.startsWith(`${name}/`));
  const pictures = below.length > 0 || !PATTERN.test(name) ? below : found((file) => matchesGlob(file, name));
  return pictures.filter((file) => EXTENSION.test(file));
}

/** `A photo of a doctor.` and `a_photo_of_a_doctor` are the same name. */
const plain = (name: string): string =>
  name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** A picture in a folder, whose name is compared with each prompt. */
interface InFolder {
  file: string;
  folder: string;
  /** As `plain` has it. */
  name: string;
}

const inFoldersOf = (files: readonly string[]): InFolder[] =>
  files.flatMap((file) => {
    const [folder = '', ...rest] = file.split('/');
    return rest.length > 0 && EXTENSION.test(file) ? [{ file, folder, name: plain(folder) }] : [];
  });

function inFolderOf({ place, prompt, text, almost }: ImportRow, files: readonly InFolder[]): string[] {
  const number = new RegExp(`^0*${prompt + 1}$`);
  const name = plain(text);
  const found = files.filter((one) => one.name === name || number.test(one.folder)).map(({ file }) => file);
  if (found.length > 0) return found;
  if (almost !== undefined)
    throw wrong(
      `${place} has no pictures: the table has no column "file", but "${almost}" looks like it. Rename it to "file".`,
    );
  throw wrong(
    `${place} has no pictures: the table has no column "file", and there is no folder named ${prompt + 1} or like the prompt. Add a column "file" with the file, the folder or the pattern of each row.`,
  );
}

function checkCounts(named: readonly NamedFile[]): void {
  if (named.length > DESIGN.predictions)
    throw wrong(
      `These are ${count(named.length, 'picture')}; an import takes at most ${DESIGN.predictions.toLocaleString('en')}. Split the table into several.`,
    );
  for (const of of Map.groupBy(named, ({ prompt }) => prompt).values())
    if (of.length > DESIGN.samples)
      throw wrong(
        `${of[0]!.place} has ${count(of.length, 'picture')}; a prompt takes at most ${DESIGN.samples.toLocaleString('en')}. Split the table into several.`,
      );
}

/**
 * Reads the files while streaming: their hashes, sizes and formats.
 * @param onRead called after each, with how many bytes it has
 * @throws {CommandError} naming the rows, for files that are no pictures, or too large
 */
export async function readPictures(
  folder: string,
  named: readonly NamedFile[],
  onRead: (bytes: number) => void,
): Promise<FoundPicture[]> {
  const limit = pLimit(PARALLEL_READS);
  const problems: string[] = [];
  const pictures = await Promise.all(
    named.map((one) =>
      limit(async () => {
        const read = await readPicture(join(folder, one.file));
        if (typeof read === 'string') problems.push(`${one.place}: ${one.file} ${read}`);
        else onRead(read.bytes);
        return read;
      }),
    ),
  );
  if (problems.length > 0)
    throw wrong(
      [
        `${count(problems.length, 'file')} cannot be imported. Remove or replace ${problems.length === 1 ? 'it' : 'them'}; nothing was started.`,
        ...problems.slice(0, NAMED),
        ...(problems.length > NAMED ? [`… and ${problems.length - NAMED} more`] : []),
      ].join('\n'),
    );
  return named.map((one, place) => ({
    ...one,
    ...(pictures[place] as Exclude<(typeof pictures)[0], string>),
  }));
}

/** @returns why it is no picture that can be imported, as the end of a sentence */
async function readPicture(
  path: string,
): Promise<Pick<FoundPicture, 'sha256' | 'bytes' | 'format'> | string> {
  try {
    const file = await open(path);
    const hash = createHash('sha256');
    try {
      const { size: bytes } = await file.stat();
      if (bytes === 0) return 'is empty';
      if (bytes > IMAGE_BYTES) return `has ${size(bytes)}; a picture may have ${size(IMAGE_BYTES)}`;
      const head = Buffer.alloc(Math.min(SNIFF_BYTES, bytes));
      await file.read(head, 0, head.length, 0);
      const format = sniffFormat(head);
      if (!format) return 'is no PNG, JPEG, WebP, GIF, AVIF or SVG';
      let length = 0;
      for await (const piece of createReadStream('', { fd: file.fd, start: 0, autoClose: false })) {
        hash.update(piece as Buffer);
        length += (piece as Buffer).length;
      }
      return { sha256: hash.digest('hex'), bytes: length, format };
    } finally {
      await file.close();
    }
  } catch (error) {
    return `cannot be read: ${fileFault(error)}`;
  }
}
