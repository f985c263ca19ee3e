import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { type DesignFlags, readDesign } from '../../cli/design.ts';
import type { Row } from '../../lib/audits/rows.ts';
import { withoutMarks } from '../../lib/design-file/marks.ts';
import { readDesignFile, readFileRows } from '../../lib/design-file/read.ts';

/** Files as auditors have them, each with what must come of it. */

const folder = mkdtempSync(path.join(tmpdir(), 'weaudit-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Reads a file as the command line does; the name of its folder is left out of messages. */
async function read({ name, content, flags = { model: ['a/b'] } }: Case) {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  try {
    return await readDesign(file, flags);
  } catch (error) {
    throw new Error((error as Error).message.replaceAll(`${folder}${path.sep}`, ''));
  }
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const utf16le = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
const utf16be = (text: string) => utf16le(text).swap16();
/** Text in an encoding with one byte for each character. */
const encoded = (encoding: string, text: string) => {
  const all = new TextDecoder(encoding).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  return Buffer.from(Array.from(text, (character) => all.indexOf(character)));
};
const bytes = (...parts: (string | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));

interface Case {
  what: string;
  name: string;
  content: string | Uint8Array;
  flags?: DesignFlags;
}

const doctor = 'a photo of a doctor';
const numbered = (n: number) => Array.from({ length: n }, (_, i) => `prompt ${i}`);
const nurse = 'a photo of a nurse';
const row = (text: string, factors?: Record<string, string>, model?: string): Row => ({
  text,
  ...(factors ? { factors } : {}),
  ...(model ? { model } : {}),
});

// biome-ignore format: a file in each line
const READ: (Case & { prompts: (string | Row)[]; notes?: (string | RegExp)[] })[] = [
  // Encodings
  { what: 'UTF-8', name: 'a.csv', content: 'prompt\nÄrztin, lächelnd\n'.replace(/Ä.*d/, '"$&"'), prompts: ['Ärztin, lächelnd'] },
  { what: 'UTF-8 with its mark', name: 'b.csv', content: '\ufeffprompt\nÄrztin\n', prompts: ['Ärztin'] },
  { what: 'JSON with a mark', name: 'c.json', content: '\ufeff["Ärztin"]', prompts: ['Ärztin'] },
  { what: 'a list with a mark', name: 'd.txt', content: '\ufeffÄrztin\n', prompts: ['Ärztin'] },
  { what: 'Windows-1252 by --encoding', name: 'e.csv', content: bytes('prompt\n', 0x93, 0xc4, 'rztin', 0x94, ' f', 0xfc, 'r 5 ', 0x80, '\n'), flags: { model: ['a/b'], encoding: 'windows-1252' }, prompts: ['“Ärztin” für 5 €'] },
  { what: 'Latin-1 JSON by --encoding', name: 'f.json', content: latin1('["Ärztin"]'), flags: { model: ['a/b'], encoding: 'latin1' }, prompts: ['Ärztin'] },
  { what: 'Mac OS Roman by --encoding', name: 'g.csv', content: bytes('prompt\rcaf', 0x8e, '\r'), flags: { model: ['a/b'], encoding: 'macintosh' }, prompts: ['café'] },
  { what: 'Shift_JIS by --encoding', name: 'h.txt', content: bytes(0x88, 0xe3, 0x8e, 0xd2, '\n'), flags: { model: ['a/b'], encoding: 'shift_jis' }, prompts: ['医者'] },
  { what: "Excel's Unicode Text", name: 'i.txt', content: utf16le('Prompt\tgroup\r\nÄrztin\tf\r\n'), prompts: [row('Ärztin', { group: 'f' })] },
  { what: 'UTF-16, big end first', name: 'j.csv', content: utf16be('prompt\nÄrztin\n'), prompts: ['Ärztin'] },
  { what: 'emoji, right-to-left text, combining marks', name: 'k.csv', content: 'prompt\n👩🏽‍⚕️ at work\nصورة لطبيبة\nA\u0308rztin\n', prompts: ['👩🏽‍⚕️ at work', 'صورة لطبيبة', 'A\u0308rztin'] },
  // Delimiters, quotes, ends of lines
  { what: 'semicolons, as Excel writes in half of Europe', name: 'l.csv', content: `prompt;group\r\n${doctor}, smiling;f\r\n`, prompts: [row(`${doctor}, smiling`, { group: 'f' })] },
  { what: 'semicolons named by "sep="', name: 'm.csv', content: `sep=;\r\nprompt;group\r\n${doctor};f\r\n`, prompts: [row(doctor, { group: 'f' })] },
  { what: 'tabs', name: 'n.tsv', content: `prompt\tgroup\n${doctor}\tf\n`, prompts: [row(doctor, { group: 'f' })] },
  { what: 'tabs in a .csv', name: 'o.csv', content: `group\tprompt\nf\t${doctor}, smiling\n`, prompts: [row(`${doctor}, smiling`, { group: 'f' })] },
  { what: 'a .txt that is a table with commas', name: 'p.txt', content: `prompt,group\n${doctor},f\n`, prompts: [row(doctor, { group: 'f' })] },
  { what: 'bars', name: 'oa.txt', content: `prompt|group\n${doctor}, smiling|f\n`, prompts: [row(`${doctor}, smiling`, { group: 'f' })] },
  { what: 'more commas than semicolons in the names of columns', name: 'pa.csv', content: `group, of job, now;prompt\nf;${doctor}\n`, prompts: [row(doctor, { group_of_job_now: 'f' })], notes: [/is called "group_of_job_now"/] },
  { what: 'a semicolon within a quoted header', name: 'q.csv', content: `"group; of job",prompt\nf,${doctor}\n`, prompts: [row(doctor, { group_of_job: 'f' })], notes: [/"group; of job" is called "group_of_job"/] },
  { what: 'quotes, doubled quotes and line breaks within them', name: 'r.csv', content: 'prompt,group\r\n"a ""smiling"" doctor,\r\nsitting",f\r\n', prompts: [row('a "smiling" doctor,\r\nsitting', { group: 'f' })] },
  { what: 'spaces outside quotes', name: 's.csv', content: 'prompt , group\n"a, b" , "f"\n', prompts: [row('a, b', { group: 'f' })], notes: [/Spaces between quotes and delimiters/] },
  { what: 'quotes within cells that are copied with tabs', name: 't.tsv', content: 'prompt\tgroup\na 5" doll\tf\n"so" she said\tf\n', prompts: [row('a 5" doll', { group: 'f' }), row('"so" she said', { group: 'f' })] },
  { what: 'lone CR, as old Macs write', name: 'u.csv', content: `prompt,group\r${doctor},f\r${nurse},f\r`, prompts: [row(doctor, { group: 'f' }), row(nurse, { group: 'f' })] },
  { what: 'mixed ends of lines', name: 'v.txt', content: 'a\r\nb\rc\nd', prompts: ['a', 'b', 'c', 'd'] },
  { what: 'no end of line at the end', name: 'w.csv', content: `prompt\n${doctor}`, prompts: [doctor] },
  // Columns
  { what: 'a header in capitals with spaces', name: 'x.csv', content: ` PROMPT ,Group\n${doctor},f\n`, prompts: [row(doctor, { Group: 'f' })] },
  { what: 'columns beside prompt, and numbers as they are written', name: 'y.csv', content: `prompt,group,share_women_us\n${doctor},male-stereotyped,0.870\n`, prompts: [row(doctor, { group: 'male-stereotyped', share_women_us: '0.870' })] },
  { what: 'a name that no factor can have', name: 'z.csv', content: `prompt,Share of women (%)\n${doctor},40\n`, prompts: [row(doctor, { Share_of_women: '40' })], notes: ['Column "Share of women (%)" is called "Share_of_women": names have letters, digits, _ and -, at most 40.'] },
  { what: 'pairs of prompt and model', name: 'aa.csv', content: 'prompt,Model\ndoctor,simulated/flash\nnurse,simulated/portrait\n', flags: {}, prompts: [row('doctor', undefined, 'simulated/flash'), row('nurse', undefined, 'simulated/portrait')] },
  { what: 'columns without name and values', name: 'ab.csv', content: `prompt,group,,\n${doctor},f,,\n`, prompts: [row(doctor, { group: 'f' })] },
  { what: 'a row that ends early', name: 'ac.csv', content: `prompt,group,size\n${doctor},f\n`, prompts: [row(doctor, { group: 'f' })], notes: ['1 row has no "size" (row 2).'] },
  { what: 'an empty column', name: 'aca.csv', content: 'prompt,size\na,\nb,\nc,\nd,\n', prompts: ['a', 'b', 'c', 'd'], notes: ['4 rows have no "size" (row 2, row 3, row 4, …).'] },
  // What is left out, and said
  { what: 'spaces around prompts', name: 'ad.csv', content: 'prompt\na \n" b"\nc\n\u00a0d\n', prompts: ['a', 'b', 'c', 'd'], notes: ['Spaces around the text of 3 rows were trimmed (row 2, row 3, row 5).'] },
  { what: 'empty rows', name: 'ae.csv', content: '\nprompt,group\n\na,f\n,\n\nb,f\n\n', prompts: [row('a', { group: 'f' }), row('b', { group: 'f' })], notes: ['4 rows without text were left out (row 3, row 5, row 6, …).'] },
  { what: 'empty lines', name: 'af.txt', content: 'a\n\n  \nb\n', prompts: ['a', 'b'], notes: ['2 lines without text were left out (line 2, line 3).'] },
  { what: 'the same line twice', name: 'ag.txt', content: 'a\nb\na \n', prompts: ['a', 'b'], notes: [/trimmed/, '1 line repeated an earlier one and was merged (line 3 is line 1).'] },
  { what: 'the same row twice, behind a line break within quotes', name: 'ah.csv', content: 'prompt,group\n"a\nb",f\nc,f\n"a\nb",f\n', prompts: [row('a\nb', { group: 'f' }), row('c', { group: 'f' })], notes: ['1 row repeated an earlier one and was merged (row 4 is row 2).'] },
  { what: 'the same prompt for two models', name: 'ai.csv', content: 'prompt,model\na,x/y\na,x/z\na,x/y\n', flags: {}, prompts: [row('a', undefined, 'x/y'), row('a', undefined, 'x/z')], notes: [/1 row repeated .*row 4 is row 2/] },
  { what: 'the same text twice in JSON', name: 'aj.json', content: '{"prompts":["a","a"],"models":["a/b"]}', prompts: ['a'], notes: [/prompt 2 is prompt 1/] },
  { what: 'a list under the name of its column', name: 'ak.txt', content: 'Prompt\na, b\n', prompts: ['a, b'], notes: [/Line 1 is the name of the column/] },
  // Lists and JSON
  { what: 'a list', name: 'al.txt', content: `${doctor}, smiling\n${nurse}; "so"\n`, prompts: [`${doctor}, smiling`, `${nurse}; "so"`] },
  { what: 'JSON rows', name: 'am.json', content: JSON.stringify([{ Prompt: doctor, group: 'f', year: 2024, share: 0.5, note: null }]), prompts: [row(doctor, { group: 'f', year: '2024', share: '0.5' })], notes: [/1 prompt has no "note"/] },
  { what: 'rows as the API takes them', name: 'an.json', content: JSON.stringify({ prompts: [doctor, { text: nurse, factors: { group: 'f' }, model: 'x/y' }], models: ['a/b'] }), flags: {}, prompts: [doctor, row(nurse, { group: 'f' }, 'x/y')] },
  // As other programs write tables
  { what: "R's write.csv, with names of rows", name: 'ba.csv', content: `"","prompt","group"\n"1","${doctor}","f"\n"2","${nurse}","m"\n`, prompts: [row(doctor, { group: 'f' }), row(nurse, { group: 'm' })], notes: ['Column A numbers the rows and was left out.'] },
  { what: "R's write.table, whose header has no name for the names of rows", name: 'bb.tsv', content: `prompt\tgroup\n12\t${doctor}\tf\n4\t${nurse}\tm\n`, prompts: [row(doctor, { group: 'f' }), row(nurse, { group: 'm' })], notes: [/Column A numbers the rows/] },
  { what: "pandas' to_csv, with its index", name: 'bc.csv', content: `,prompt,group\n0,${doctor},f\n1,${nurse},\n`, prompts: [row(doctor, { group: 'f' }), nurse], notes: [/Column A numbers the rows/, /no "group"/] },
  { what: 'an index that pandas read and wrote again', name: 'bd.csv', content: `Unnamed: 0,prompt\n0,${doctor}\n1,${nurse}\n`, prompts: [doctor, nurse], notes: [/Column A numbers the rows/] },
  { what: 'JSON lines', name: 'be.jsonl', content: `{"prompt":"${doctor}","group":"f"}\r\n\r\n{"prompt":"${nurse}","group":"m"}\r\n`, prompts: [row(doctor, { group: 'f' }), row(nurse, { group: 'm' })] },
  { what: 'JSON lines that are called JSON', name: 'bf.json', content: `"${doctor}"\n"${nurse}"\n`, prompts: [doctor, nurse] },
  { what: 'names of columns in Hindi and Arabic, with vowel signs', name: 'bg.csv', content: 'prompt,भाषा,اللُّغة\nएक डॉक्टर,hi,ar\n', prompts: [row('एक डॉक्टर', { भाषा: 'hi', 'اللُّغة': 'ar' })] },
  { what: 'JSON prompts that a table or a list would refuse', name: 'bh.json', content: JSON.stringify(['- a', '#REF!', '=A1', 'a {b}', '---', 'prompt', '<b>']), prompts: ['- a', '#REF!', '=A1', 'a {b}', '---', 'prompt', '<b>'] },
  { what: 'a prompt that begins with a number', name: 'bi.txt', content: '10. Jahrhundert, eine Burg\n2 nurses\n', prompts: ['10. Jahrhundert, eine Burg', '2 nurses'] },
  { what: 'characters that nobody sees', name: 'bj.txt', content: 'a doctor\na doctor\u200b\nA\u0308rztin\nÄrztin\nمی\u200cخواهم\n👩\u200d⚕️\n', prompts: ['a doctor', 'a doctor\u200b', 'A\u0308rztin', 'Ärztin', 'می\u200cخواهم', '👩\u200d⚕️'], notes: ['1 line has characters that cannot be seen, which models get, too (line 2).', '2 lines look like an earlier one, but are other characters, and are prompts of their own (line 2 is like line 1, line 4 is like line 3).'] },
  { what: 'as many prompts as an audit takes', name: 'ao.txt', content: Array.from({ length: 1_000 }, (_, i) => `prompt ${i}`).join('\n'), prompts: Array.from({ length: 1_000 }, (_, i) => `prompt ${i}`) },
  { what: 'more prompts than an audit takes, which become several', name: 'BH.txt', content: numbered(1_600).join('\n'), prompts: numbered(1_600) },
];

// biome-ignore format: a file in each line
const REFUSED: (Case & { message: RegExp })[] = [
  { what: 'Windows-1252', name: 'A.csv', content: latin1('prompt\na\na photo of an Ärztin\n'), message: /A\.csv is not UTF-8: line 3, column 15 .* looks like Windows-1252 \("Ärztin"\)\. Pass --encoding windows-1252/ },
  { what: 'Latin-1 JSON', name: 'B.json', content: latin1('{"prompts":["ein Mädchen"]}'), message: /line 1, column 19 .*Windows-1252 .*Mädchen/ },
  { what: 'Mac OS Roman', name: 'C.csv', content: bytes('prompt\rcaf', 0x8e, ' au lait\r'), message: /line 2, column 4 .*Mac OS Roman \("café"\)\. Pass --encoding macintosh/ },
  { what: 'Shift_JIS', name: 'D.txt', content: bytes(0x88, 0xe3, 0x8e, 0xd2, '\n'), message: /line 1, column 1 .*Shift_JIS \("医者"\)/ },
  { what: 'Russian', name: 'DA.csv', content: encoded('windows-1251', 'prompt\nврач за работой\n'), message: /line 2, column 1 .*like Windows-1251 \("врач"\)/ },
  { what: 'Greek', name: 'DB.txt', content: encoded('windows-1253', 'Γιατρός'), message: /Windows-1253 \("Γιατρός"\)/ },
  { what: 'Hebrew', name: 'DC.txt', content: encoded('windows-1255', 'רופאה'), message: /Windows-1255 \("רופאה"\)/ },
  { what: 'Arabic', name: 'DD.txt', content: encoded('windows-1256', 'طبيبة'), message: /Windows-1256 \("طبيبة"\)/ },
  { what: 'Korean', name: 'DE.txt', content: bytes(0xc0, 0xc7, 0xbb, 0xe7), message: /like EUC-KR \("의사"\)/ },
  { what: 'Chinese, a long line', name: 'DF.txt', content: Buffer.concat([Buffer.from('a '), Buffer.from(Array.from({ length: 50 }, () => [0xd2, 0xbd, 0xc9, 0xfa]).flat())]), message: /GB 18030 \("医生医生/ },
  { what: 'Japanese with kana', name: 'DG.txt', content: bytes(0x88, 0xe3, 0x8e, 0xd2, 0x82, 0xcc), message: /like Shift_JIS \("医者の"\).* Pass --encoding shift_jis or gb18030, or/ },
  { what: 'UTF-8 with one part of Windows-1252', name: 'E.txt', content: bytes('Ärztin\nM', 0xe4, 'dchen\n'), message: /line 2, column 2 cannot be read\.$/ },
  { what: 'UTF-8 that is cut off', name: 'F.txt', content: Buffer.from('Schwester ü').subarray(0, -1), message: /line 1, column 11/ },
  { what: 'UTF-16 without its mark', name: 'G.csv', content: Buffer.from('prompt\na\n', 'utf16le'), message: /NUL.*UTF-16 .*Pass --encoding utf-16le/ },
  { what: 'text that was lost before', name: 'H.csv', content: 'prompt\n\ufffdrztin\n', message: /H\.csv has lost text: line 2, column 1 is U\+FFFD/ },
  { what: 'UTF-8 that is read as Windows-1252', name: 'I.csv', content: 'prompt\nÄrztin\n', flags: { model: ['a/b'], encoding: 'windows-1252' }, message: /is UTF-8, and would be garbled as windows-1252/ },
  { what: 'an unknown encoding', name: 'J.csv', content: 'prompt\na\n', flags: { model: ['a/b'], encoding: 'ansi-german' }, message: /"ansi-german" is no encoding.*windows-1252/ },
  { what: 'a workbook', name: 'K.xlsx', content: bytes('PK', 3, 4, 0, 0), message: /K\.xlsx is a workbook.*CSV UTF-8/ },
  { what: 'an empty file', name: 'L.csv', content: '', message: /L\.csv is empty/ },
  { what: 'nothing but delimiters', name: 'LA.csv', content: ';;\n;;\n', message: /LA\.csv is empty/ },
  { what: 'a header without rows', name: 'M.csv', content: 'prompt\n', message: /no rows.*Row 1 names the columns/ },
  { what: 'a header that almost says prompt', name: 'N.csv', content: 'id,Question\n1,a\n', message: /no column "prompt", but "Question" looks like it\. Rename it/ },
  { what: 'a list that is called a table', name: 'O.csv', content: `${doctor}\n${nurse}\n`, message: /no column "prompt".*"a_photo_of_a_doctor".*\.txt/ },
  { what: 'a list with commas that is called a table', name: 'OA.csv', content: `${doctor}\n${nurse}, smiling\n`, message: /no column "prompt".*\.txt/ },
  { what: 'a title above the names of columns', name: 'OB.csv', content: 'Occupations 2026;\n;\nprompt;group\na;f\n', message: /names of columns in row 3\. Remove what is above: "Occupations 2026;"/ },
  { what: 'two columns of one name', name: 'P.csv', content: 'prompt,Group,size,group\na,b,c,d\n', message: /two columns "group": B and D\. Rename/ },
  { what: 'values without a name', name: 'Q.csv', content: 'prompt,\na,\nb,x\n', message: /column B has no name, but row 3 has "x" there\. Name it in row 1/ },
  { what: 'a quote that never closes', name: 'R.csv', content: 'prompt,group\na,f\n"b,f\nc,f\n', message: /R\.csv, row 3: a quote opens that never closes.*write ""/ },
  { what: 'a quote that closes elsewhere', name: 'S.csv', content: 'prompt,group\n"a,f\n"b",f\n', message: /row 2: text follows a closing quote/ },
  { what: 'a quote within a cell', name: 'T.csv', content: 'prompt,group\na 5" doll,f\n', message: /row 2: a quote stands inside a cell.*"a 5"" doll"/ },
  { what: 'a row with too many cells, behind a line break within quotes', name: 'U.csv', content: 'prompt,group\n"a\nb",f\na doctor, smiling,f\n', message: /U\.csv, row 3 has 3 cells, but row 1 names 2 columns.*needs quotes/ },
  { what: 'an empty prompt beside factors', name: 'V.csv', content: 'prompt,group\na,f\n,f\n', message: /V\.csv, row 3: the prompt is empty, but other cells are not/ },
  { what: 'one prompt with two sets of factors', name: 'W.csv', content: 'prompt,group\na,f\nb,f\na,m\n', message: /W\.csv, row 4: the prompt of row 2 with other factors/ },
  { what: 'a model that is none', name: 'X.csv', content: 'prompt,model\na,flux\n', message: /X\.csv, row 2: "flux" is no model\. Write owner\/name/ },
  { what: 'a control character', name: 'Y.csv', content: 'prompt\na\u0007b\n', message: /Y\.csv, row 2: the prompt has the control character U\+0007 as character 2/ },
  { what: 'a prompt that is too long', name: 'Z.txt', content: `a\n${'x'.repeat(2_001)}\n`, message: /Z\.txt, line 2: the prompt has 2,001 characters; at most 2,000/ },
  { what: 'JSON that is none', name: 'BA.json', content: '{"prompts": [', message: /BA\.json is not valid JSON/ },
  { what: 'a table that is called JSON', name: 'BB.json', content: 'prompt\na\n', message: /not valid JSON.*\.csv/ },
  { what: 'JSON of another kind', name: 'BC.json', content: '42', message: /must contain a design.*list of texts.*list of rows/ },
  { what: 'JSON rows without a prompt', name: 'BD.json', content: '[{"question":"a"}]', message: /prompt 1 has no "prompt", but "question" looks like it/ },
  { what: 'a JSON number that cannot be kept exactly', name: 'BE.json', content: '[{"prompt":"a","id":12345678901234567890}]', message: /prompt 1: "id" must be a text.*in quotes/ },
  { what: 'a kind that its name does not say', name: 'BF.md', content: 'a doctor\n', message: /Give it a name that says what it is: \.csv/ },
  // What is no prompt, and nobody wants to pay for
  { what: 'a formula', name: 'CA.csv', content: 'prompt,n\n"=CONCAT(""a "",A2)",1\n', message: /CA\.csv, row 2: "=CONCAT\("a ",A2\)" is a formula\. .*JSON: \["=CONCAT\(\\"a \\",A2\)"\]/ },
  { what: 'an error of a spreadsheet', name: 'CB.csv', content: 'prompt\na\n#REF!\n', message: /CB\.csv, row 3: "#REF!" is an error of a spreadsheet/ },
  { what: 'an error of a German spreadsheet', name: 'CBA.csv', content: 'prompt\n#BEZUG!\n', message: /error of a spreadsheet/ },
  { what: 'names of columns again, where two tables were joined', name: 'CC.csv', content: 'prompt,group\na,f\nPrompt,group\nb,m\n', message: /CC\.csv, row 3: "Prompt" is the name of a column/ },
  { what: "the second header of Qualtrics", name: 'CD.csv', content: 'Q1,prompt\n"{""ImportId"":""Q1""}","{""ImportId"":""p""}"\n1,a\n', message: /CD\.csv, row 2: .* is JSON/ },
  { what: 'a table in Markdown', name: 'CE.txt', content: '| prompt | group |\n|:---|---|\n| a | f |\n', message: /CE\.txt, row 2: ":---" is a line, and no text/ },
  { what: 'nothing that can be seen', name: 'CF.csv', content: 'prompt,group\n\u200b,f\n', message: /CF\.csv, row 2: the prompt has no character that can be seen/ },
  { what: 'a placeholder', name: 'CG.csv', content: 'prompt,gender\na {gender} doctor,female\n', message: /CG\.csv, row 2: "a \{gender\} doctor" has a placeholder, which models get as it is\. Use a template/ },
  { what: 'a list in Markdown', name: 'CH.txt', content: 'a nurse\n- a doctor\n', message: /CH\.txt, line 2: "- a doctor" begins with "- "/ },
  { what: 'a comment', name: 'CI.txt', content: '# my prompts\na doctor\n', message: /CI\.txt, line 1: .* begins with "# "/ },
  { what: 'bullets that were copied', name: 'CJ.txt', content: '•\ta doctor\n', message: /begins with "•/ },
  { what: 'a numbered list', name: 'CK.txt', content: '1. a doctor\n2. a nurse\n', message: /CK\.txt numbers its lines \("1\. a doctor"\), and models would get the numbers, too\. Remove them/ },
  { what: 'a list of quoted texts', name: 'CL.txt', content: '"a doctor",\n"a nurse"\n', message: /CL\.txt has every line in quotes \("a doctor",\), and models would get them, too\. Remove them/ },
  { what: "R's write.table with spaces", name: 'CM.txt', content: `"prompt" "group"\n"1" "${doctor}" "f"\n`, message: /every line in quotes/ },
  { what: 'JSON that is called a list', name: 'CN.txt', content: '{"prompt":"a"}\n{"prompt":"b"}\n', message: /CN\.txt, line 1: .* is JSON/ },
  // Other kinds of files
  { what: 'a web page', name: 'DH.csv', content: '\n<!doctype HTML>\n<html><title>Sign in</title>', message: /DH\.csv is a web page/ },
  { what: 'a web page that is called a list', name: 'DI.txt', content: '\ufeff<html>\n<body>Please sign in', message: /DI\.txt is a web page/ },
  { what: 'XML', name: 'DJ.xls', content: '<?xml version="1.0"?>\n<Workbook/>', message: /DJ\.xls is XML/ },
  { what: 'RTF', name: 'DK.txt', content: '{\\rtf1\\ansi a doctor}', message: /DK\.txt is RTF/ },
  { what: 'a picture', name: 'DL.jpg', content: bytes(0xff, 0xd8, 0xff, 0xe0, 0, 16, 'JFIF'), message: /^DL\.jpg is a picture, not a table or a list\. An audit of pictures that you have is made by: npx weaudit import <folder> --prompts table\.csv --model "what made them"\.$/ },
  { what: 'the table of an import', name: 'DLA.csv', content: 'prompt,File\na doctor,doctors/1.png\na nurse,nurses/*.JPG\n', message: /^DLA\.csv names pictures in its column "File"\. An audit of pictures that you have is made by: npx weaudit import <folder> --prompts DLA\.csv --model "what made them"\. If it is meant as a factor, rename the column\.$/ },
  { what: 'a program', name: 'DLB.csv', content: bytes(0x7f, 'ELF', 2, 0xff, 0, 0xc4), message: /^DLB\.csv is not a text: line 1, column 7 is the character NUL\.$/ },
  { what: 'UTF-16 without its mark, with letters that no UTF-8 has', name: 'DM.csv', content: Buffer.from('prompt;group\nÄrztin;f\n', 'utf16le'), message: /DM\.csv is not a text: .*NUL\. It looks like UTF-16 \("prompt;group"\)\. Pass --encoding utf-16le/ },
  { what: 'UTF-16 without its mark, big end first', name: 'DN.txt', content: Buffer.from('Ärztin bei der Arbeit\n', 'utf16le').swap16(), message: /UTF-16 \("Ärztin"\)\. Pass --encoding utf-16be/ },
  { what: 'Polish', name: 'DO.txt', content: encoded('windows-1250', 'zdjęcie lekarki\n'), message: /Windows-1252 \("zdjêcie"\) or Windows-1250 \("zdjęcie"\)/ },
  { what: 'Turkish', name: 'DP.txt', content: encoded('windows-1254', 'bir doktorun fotoğrafı\n'), message: /Windows-1254 \("fotoğrafı"\)/ },
  { what: 'Russian of Unix', name: 'DQ.txt', content: encoded('koi8-r', 'фото врача\n'), message: /KOI8-R \("фото"\)/ },
  { what: 'Thai', name: 'DR.txt', content: encoded('windows-874', 'ภาพถ่าย\n'), message: /Windows-874 \("ภาพถ่าย"\)/ },
  { what: 'Japanese of Unix', name: 'DS.txt', content: bytes(0xb0, 0xe5, 0xbc, 0xd4, 0xa4, 0xce, '\n'), message: /EUC-JP \("医者の"\)/ },
  { what: 'text that was read in a wrong encoding before', name: 'DT.csv', content: 'prompt,group\na doctor,f\nÃ„rztin bei der Arbeit,f\n', message: /DT\.csv was garbled before: line 3, column 1 is "Ã„rztin", which is "Ärztin" in UTF-8 that was read as Windows-1252\. Save the file again from its source/ },
  { what: 'text that a Mac read in a wrong encoding', name: 'DU.txt', content: Buffer.from(new TextDecoder('macintosh').decode(Buffer.from('café\n'))), message: /"caf√©", which is "café" in UTF-8 that was read as Mac OS Roman/ },
  { what: 'Windows-1252 that was read as Latin-1', name: 'DV.txt', content: 'a nurse\u0092s day\n', message: /DV\.txt has lost text: line 1, column 8 is U\+0092/ },
  // Names and shapes
  { what: 'a name that no factor can have', name: 'EA.csv', content: 'prompt,constructor\na,f\n', message: /EA\.csv, row 2: no factor can be called "constructor"\. Rename it/ },
  { what: 'a name of JSON that no factor can have', name: 'EB.json', content: '[{"prompt":"a","__proto__":"x"}]', message: /EB\.json, prompt 1: no factor can be called "__proto__"/ },
  { what: 'columns that something else divides', name: 'EC.csv', content: 'prompt^group\na doctor^f\n', message: /EC\.csv: row 1, "prompt\^group", is one column\. Divide columns by commas, semicolons, tabs or \|/ },
  { what: 'columns that Arabic semicolons divide', name: 'ED.csv', content: 'prompt؛group\nطبيبة؛f\n', message: /is one column/ },
  { what: 'curly quotes', name: 'EE.csv', content: '“prompt”,“group”\n“a, doctor”,“f”\n', message: /EE\.csv: "“prompt”" is in curly quotes\. Replace all of them by straight ones: "prompt"/ },
  { what: 'one column with commas in its sentences', name: 'EF.csv', content: 'prompt\na doctor, smiling\n', message: /EF\.csv, row 2 has 2 cells.*needs quotes.* Or call it \.txt, with a prompt in each line/ },
  { what: 'JSON with prompts that are no list', name: 'EG.json', content: '{"prompts":{"doctor":["a"]}}', message: /EG\.json: "prompts" must be a list/ },
  { what: 'JSON with one prompt that is no list', name: 'EH.json', content: '{"prompts":"a doctor"}', message: /EH\.json: "prompts" must be a list: \["a doctor"\]/ },
  { what: 'JSON with prompts further down', name: 'EI.json', content: '{"data":{"study":{"prompts":["a"]}}}', message: /EI\.json is no design: it has "data"\. Write \{"prompts": \[…\]/ },
  { what: "pandas' to_json, by columns", name: 'EJ.json', content: '{"prompt":{"0":"a"},"group":{"0":"f"}}', message: /EJ\.json is no design: it has "prompt", "group"\. .*list of rows/ },
  { what: 'JSON with a member twice', name: 'EK.json', content: '{"prompts":["a"],\n"samples":1,"prompts":["b"]}', message: /EK\.json has "prompts" twice in one object, the second time in line 2\. Remove one/ },
  { what: 'JSON with a factor twice', name: 'EL.json', content: '[{"prompt":"a","group":"f","gro\\u0075p":"m"}]', message: /EL\.json has "group" twice/ },
  { what: 'JSON lines, one of them broken', name: 'EM.jsonl', content: '{"prompt":"a"}\n{"prompt":"b"\n', message: /EM\.jsonl, line 2 is not valid JSON/ },
  { what: 'a list on standard input', name: 'EN', content: 'a doctor\na nurse\n', message: /EN is no JSON, and its first line names no column "prompt"/ },
  { what: 'more columns than factors', name: 'BG.csv', content: `prompt,${Array.from({ length: 21 }, (_, i) => `f${i}`)}\na${',1'.repeat(21)}\n`, message: /21 columns beside .*at most 20/ },
];

describe('files of designs', () => {
  test.each(READ)('are read: $what', async ({ prompts, notes = [], ...file }) => {
    const found = await read(file);
    expect(found.design.prompts).toEqual(prompts);
    expect(found.notes).toHaveLength(notes.length);
    for (const [i, note] of notes.entries()) expect(found.notes[i]).toMatch(note);
  });

  test.each(REFUSED)('are refused with the place and what to do: $what', async ({ message, ...file }) => {
    await expect(read(file)).rejects.toThrow(message);
  });

  // Work for each pair of columns would take hours here.
  test.each<Case & { message: RegExp }>([
    {
      what: 'columns',
      name: 'many.csv',
      content: `prompt,${numbered(100_000)}\na\n`,
      message: /has 100000 columns/,
    },
    {
      what: 'columns of a template',
      name: 'factors.csv',
      content: `${numbered(100_000)}\n${'a\n'.repeat(100_000)}`,
      flags: { template: 'a {x}', model: ['a/b'] },
      message: /has 100000 columns/,
    },
    {
      what: 'columns, none of them a prompt',
      name: 'none.csv',
      content: `${Array.from({ length: 200_000 }, (_, i) => `x${i}`)}\na\n`,
      message: /^.{0,1500}"x39", ….{0,300}$/s,
    },
    {
      what: 'columns without a name',
      name: 'bare.csv',
      content: `prompt${','.repeat(100_000)}\n${'a\n'.repeat(100_000)}b${','.repeat(100_000)}c`,
      message: /row 100002 has "c" there/,
    },
    {
      what: 'characters in a name',
      name: 'long.csv',
      content: `prompt,x${'_'.repeat(2_000_000)}!y\na\n,b\n`,
      message: /row 3: the prompt is empty/,
    },
  ])('that have hundreds of thousands of $what are read in one pass', async ({ message, ...file }) => {
    await expect(read(file)).rejects.toThrow(message);
  });

  test('are refused by their size before they are decoded', () => {
    const large = Buffer.alloc(50_000_001, 'prompt\n');
    expect(() => readDesignFile(large, 'large.csv')).toThrow('large.csv has 51 MB; at most 50 are read.');
    expect(() => readFileRows(large, 'large.csv')).toThrow('large.csv has 51 MB; at most 50 are read.');
  });

  test.each([
    ['bullets of some lines', ['•\ta doctor', '- a nurse', 'a cook'], ['a doctor', 'a nurse', 'a cook']],
    ['comments, with their lines', ['# my prompts', 'a doctor'], ['a doctor']],
    ['numbers in sequence', ['1. a doctor', '2) a nurse'], ['a doctor', 'a nurse']],
    ['quotes around every line', ['"a doctor",', '"a nurse"'], ['a doctor', 'a nurse']],
    [
      'nothing of other lines',
      ['10. Jahrhundert', '"a" sign', '-5 degrees'],
      ['10. Jahrhundert', '"a" sign', '-5 degrees'],
    ],
  ])('the page removes from a list %s', (_, lines, without) => {
    expect(withoutMarks(lines)).toEqual(without);
  });

  test('whatever texts a table holds, they come out as they went in, trimmed, for each delimiter and end of line', () => {
    const text = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 30 })
      // Prompts have no control characters but these three, and none that was lost.
      .map((value) => value.replace(/(?![\t\n\r])[\p{Cc}\ufffd]/gu, '').trim())
      .filter((value) => value !== '');
    // One that looks as if it were no prompt is refused.
    const prompt = text.map((value) => `a${value.replace(/[{}]/g, '')}`.trim());
    const table = fc.uniqueArray(fc.tuple(prompt, text), { minLength: 1, selector: ([one]) => one });
    const styles = fc.constantFrom(',', ';', '\t');
    fc.assert(
      fc.property(table, styles, fc.constantFrom('\n', '\r\n', '\r'), (rows, delimiter, end) => {
        const options = { delimiter, record_delimiter: end, quoted: true };
        const content = Buffer.from(stringify([['prompt', 'group'], ...rows], options));
        const { prompts } = readDesignFile(content, 'any.csv').design;
        expect(prompts).toEqual(rows.map(([prompt, group]) => row(prompt, { group })));
      }),
    );
  });
});
