import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { findWords, readRules } from '../../build/words.ts';

const GLOSSARY = `
## Words that must not come back

| do not write | write |
|---|---|
| \`frobnicate\` | the person |
| \`in place *of\`, \`say … twice\` | a fact |
| \`*ould*\` | old |
`;
const rules = readRules(GLOSSARY);

test('a ruled-out word is reported with its line, as it is written, and with a better word', () => {
  expect(findWords('one\ntwo Frobnicate\n', rules)).toEqual([
    { line: 2, found: 'Frobnicate', better: 'the person' },
  ]);
});

test('a phrase is found across the lines of a comment, and with words in between', () => {
  expect(findWords(' * in\n * place of\n', rules)).toMatchObject([{ line: 1 }]);
  expect(findWords('say it all twice, say a b c d e twice', rules)).toEqual([
    { line: 1, found: 'say it all twice', better: 'a fact' },
  ]);
});

test('a word inside another is found only where the glossary says so', () => {
  expect(findWords('notfrobnicate frobnicates', rules)).toEqual([]);
  expect(findWords('aMould', rules)).toMatchObject([{ found: 'aMould' }]);
});

test("the project's glossary has rules, and a glossary without them is an error", async () => {
  expect(readRules(await readFile('docs/glossary.md', 'utf8')).length).toBeGreaterThan(30);
  expect(() => readRules('# Glossary')).toThrow('no table');
});
