import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'csv-stringify/sync';
import { strFromU8, unzipSync } from 'fflate';
import { writeWorkbook } from '../../cli/download/workbook.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'weaudit-workbook-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const csv = path.join(folder, 'manifest.csv');
const workbook = path.join(folder, 'manifest.xlsx');

const plain = (xml: string) =>
  xml
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    // As an XML parser reads line ends, and then as Office Open XML defines ST_Xstring.
    .replace(/\r\n?/g, '\n')
    .replace(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** The cells as a spreadsheet reads them: a text, a number, or undefined. */
function readBack(): (string | number | undefined)[][] {
  const archive = unzipSync(readFileSync(workbook));
  const xml = (name: string) => strFromU8(archive[`xl/${name}.xml`]!);
  const texts = [...xml('sharedStrings').matchAll(/<si><t[^>]*>([\s\S]*?)<\/t><\/si>/g)].map(([, text]) =>
    plain(text!),
  );
  const sheet = xml('worksheets/sheet1');
  // A formula is an element of its own.
  expect(sheet).not.toMatch(/<f[ >]/);
  return [...sheet.matchAll(/<row [^>]*>(.*?)<\/row>/g)].map(([, cells]) => {
    const row: (string | number | undefined)[] = [];
    for (const [, column, type, value] of cells!.matchAll(/<c r="([A-Z]+)\d+"([^>]*)><v>(.*?)<\/v><\/c>/g))
      row[column!.charCodeAt(0) - 65] = type!.includes('t="s"') ? texts[Number(value)] : Number(value);
    return row;
  });
}

describe('the workbook of a manifest', () => {
  test('holds every text as it is, and only numbers as numbers', async () => {
    const texts = [
      ...['=1+1', '+1', '-5', '@SUM(A1)', '\t=2', "'quoted'", ' spaces ', 'zwei\nZeilen', 'drei\r\nZeilen'],
      ...[
        '1/2',
        '0012',
        '1e5',
        'TRUE',
        '_x0041_',
        'bell \u0007 \uffff',
        '<b> & "x"',
        'übermut 😀',
        '今日は',
        'مرحبا',
      ],
    ];
    const head = ['n', 'seed', 'prompt', 'factor:age', 'file'];
    const rows = texts.map((text, i) => [
      ...[String(i), i === 0 ? '18446744073709551615' : String(2 ** 31 - 1), text, text],
      `images/0000${i}-0.png`,
    ]);
    writeFileSync(csv, `\ufeff${stringify([head, ...rows])}`);
    expect(await writeWorkbook(csv, workbook)).toBe(true);
    expect(readBack()).toEqual([
      head,
      ...rows.map(([n, seed, ...others], i) => [Number(n), i === 0 ? seed : Number(seed), ...others]),
    ]);
  });

  test('is the same bytes each time, so that two downloads of an audit have one checksum', async () => {
    writeFileSync(csv, '\ufeffn,prompt\n0,a cat\n');
    await writeWorkbook(csv, workbook);
    const first = readFileSync(workbook);
    const now = Date.now;
    Date.now = () => now() + 86_400_000;
    await writeWorkbook(csv, workbook).finally(() => {
      Date.now = now;
    });
    expect(readFileSync(workbook).equals(first)).toBe(true);
  });

  test('of a text that is too long for a cell says where the whole is', async () => {
    writeFileSync(
      csv,
      stringify([
        ['n', 'error'],
        ['0', 'x'.repeat(40_000)],
      ]),
    );
    await writeWorkbook(csv, workbook);
    const [, [, error] = []] = readBack();
    expect(error).toMatch(/^x{32000,}… \(whole in manifest\.json\)$/);
    expect(String(error).length).toBeLessThanOrEqual(32_767);
  });

  test('is not written of more rows than fit, and none of before is left', async () => {
    writeFileSync(workbook, 'of before');
    writeFileSync(csv, `n\n${'0\n'.repeat(50_001)}`);
    expect(await writeWorkbook(csv, workbook)).toBe(false);
    expect(() => readFileSync(workbook)).toThrow(/ENOENT/);
  });
});
