import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { listFiles, matchFiles, readPictures } from '../../cli/import/pictures.ts';
import { readImportTable } from '../../cli/import/table.ts';
import { png } from '../support/images.ts';

/** From a table and a folder to the pictures of each prompt. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'weaudit-import-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PICTURE = png(8, 8, 'one');

/** @returns the files of each prompt, and what was said */
async function matched(table: string, ...files: string[]) {
  const inside = path.join(folder, 'pictures');
  mkdirSync(inside);
  for (const file of files) {
    mkdirSync(path.dirname(path.join(inside, file)), { recursive: true });
    writeFileSync(path.join(inside, file), contents[file] ?? PICTURE);
  }
  symlinkSync(import.meta.filename, path.join(inside, 'link.png'));
  const written = path.join(folder, 'table.csv');
  writeFileSync(written, table);
  const { prompts, rows, notes } = await readImportTable(written, undefined);
  const { named, unnamed } = matchFiles(await listFiles(inside), rows);
  await readPictures(inside, named, () => undefined);
  return {
    files: prompts.map((_, n) => named.filter(({ prompt }) => prompt === n).map(({ file }) => file)),
    notes,
    unnamed,
  };
}
const contents: Record<string, string> = { 'text.png': 'text', 'empty.png': '' };

describe('pictures are found', () => {
  test.each<[string, string, string[], string[][]]>([
    [
      'by name, also with the slashes of Windows',
      'prompt,file\na,x\\a.png\nb,./b.png',
      ['x/a.png', 'b.png'],
      [['x/a.png'], ['b.png']],
    ],
    [
      'by folders and patterns',
      'prompt,file\na,x\nb,y/*.png',
      ['x/1.png', 'x/2.png', 'y/3.png'],
      [['x/1.png', 'x/2.png'], ['y/3.png']],
    ],
    [
      'although their names have the signs of patterns',
      'prompt,file\na,[1].png\nb,*.png',
      ['[1].png', '*.png'],
      [['[1].png'], ['*.png']],
    ],
    [
      'although a Mac has written their letters in two characters',
      'prompt,file\na,\u00c4/\u00e9.png',
      ['A\u0308/e\u0301.png'],
      [['A\u0308/e\u0301.png']],
    ],
    [
      'although the table has them in two characters',
      'prompt,file\na,e\u0301*.png',
      ['\u00e9-1.png'],
      [['\u00e9-1.png']],
    ],
  ])('%s', async (_how, table, files, expected) => {
    expect((await matched(table, ...files)).files).toEqual(expected);
  });
});

describe('a mistake is named by its row and its file, and nothing is started', () => {
  test.each<[string, string[], string, RegExp]>([
    [
      'a file that is not there',
      [],
      'prompt,file\na,1.png',
      /row 2: there is no file 1\.png\. Write it as it is in the folder, with its extension; for several files write a row for each, or a pattern such as/,
    ],
    [
      'its extension is missing',
      ['A.png'],
      'prompt,file\na,a',
      /row 2: there is no file a\. Did you mean A\.png\?/,
    ],
    [
      'capitals',
      ['doctors/A.png'],
      'prompt,file\na,Doctors/a.PNG',
      /row 2: there is no file Doctors\/a\.PNG\. Did you mean doctors\/A\.png\?/,
    ],
    [
      'its folder is missing',
      ['doctors/a.png'],
      'prompt,file\na,a.png',
      /row 2: there is no file a\.png\. Did you mean doctors\/a\.png\?/,
    ],
    [
      'a link',
      [],
      'prompt,file\na,link.png',
      /row 2: link\.png is a link, and links are not followed\. Put the file itself into the folder\./,
    ],
    [
      'a pattern without files',
      ['a.png'],
      'prompt,file\na,b*.png',
      /row 2: no picture is named like b\*\.png/,
    ],
    ['an empty cell', ['a.png'], 'prompt,file\na,a.png\nb,', /row 3: "file" is empty/],
    ['a file outside', ['a.png'], 'prompt,file\na,../x.png', /row 2: \.\.\/x\.png is outside the folder/],
    [
      'a file of two prompts',
      ['a.png'],
      'prompt,file\na,a.png\nb,*.png',
      /row 3: a\.png is a picture of .*row 2 already/,
    ],
    [
      'no picture',
      ['text.png'],
      'prompt,file\na,text.png',
      /row 2: text\.png is no PNG, JPEG, WebP, GIF, AVIF or SVG/,
    ],
    ['an empty file', ['empty.png'], 'prompt,file\na,empty.png', /row 2: empty\.png is empty/],
    ['a model of its own', ['a.png'], 'prompt,file,model\na,a.png,x/y', /row 2: an import is of one model/],
    [
      'no folder for a prompt',
      ['1/a.png'],
      'prompt,job\na,x\nb,y',
      /row 3 has no pictures: .* no folder named 2 or like the prompt/,
    ],
    [
      'a column that almost says file',
      ['a.png'],
      'prompt,File name\na,a.png',
      /row 2 has no pictures: the table has no column "file", but "File_name" looks like it\. Rename it to "file"\./,
    ],
    ['no prompt', ['a.png'], 'prompt,file\n,a.png', /row 2: the prompt of a\.png is empty/],
  ])('%s', async (_what, files, table, words) => {
    await expect(matched(table, ...files)).rejects.toThrow(words);
  });
});
