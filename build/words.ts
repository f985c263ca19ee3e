import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Reports the words that docs/glossary.md rules out, in every text file that Git does not ignore. The table there is
 * the only list. Run as a program, it prints `file:line: word → better` and exits with 1 on any finding.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GLOSSARY = 'docs/glossary.md';
const HEADING = '## Words that must not come back';
const TEXT = /\.([cm]?[jt]sx?|css|html|json|md|yml)$/;
/** Text that others wrote. */
const FOREIGN = [
  'package-lock.json',
  'packages/aws-emulator/s3/tags.ts',
  'packages/aws-emulator/test/conformance/recorded.json',
];

/** A word or phrase that must not be used, and what to write instead. */
export interface Rule {
  word: string;
  better: string;
  pattern: RegExp;
}

export interface Finding {
  line: number;
  /** As it is written in the text. */
  found: string;
  better: string;
}

/** Words of a phrase may be on two lines of a comment. */
const GAP = '[\\s*/#>|]+';

function patternOf(word: string): RegExp {
  const words = word.split(' ').map((part) =>
    part === '…'
      ? `\\S+(?:${GAP}\\S+){0,3}?`
      : part
          .split('*')
          .map((text) => text.replace(/[.?+^$(){}[\]\\|]/g, '\\$&'))
          .join('[a-z]*'),
  );
  return new RegExp(`(?<![a-z0-9_])${words.join(GAP)}(?![a-z0-9_])`, 'gi');
}

/**
 * The rules of a glossary.
 * @throws {Error} where the table is missing: a check without rules would pass everything
 */
export function readRules(glossary: string): Rule[] {
  const [, table = ''] = glossary.split(HEADING);
  const rules = [...table.matchAll(/^\| (`.+`) \| (.+) \|$/gm)].flatMap(([, words = '', better = '']) =>
    [...words.matchAll(/`([^`]+)`/g)].map(([, word = '']) => ({ word, better, pattern: patternOf(word) })),
  );
  if (rules.length === 0) throw new Error(`${GLOSSARY} has no table below "${HEADING}".`);
  return rules;
}

/** Every ruled-out word in a text, by line. */
export function findWords(text: string, rules: Rule[]): Finding[] {
  return rules
    .flatMap(({ pattern, better }) =>
      [...text.matchAll(pattern)].map((match) => ({
        line: text.slice(0, match.index).split('\n').length,
        found: match[0].replace(/\s+/g, ' '),
        better,
      })),
    )
    .sort((one, other) => one.line - other.line);
}

function main(): void {
  const glossary = readFileSync(path.join(ROOT, GLOSSARY), 'utf8');
  const rules = readRules(glossary);
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((file) => TEXT.test(file) && file !== GLOSSARY && !FOREIGN.includes(file))
    // A deleted file is listed until its deletion is staged.
    .filter((file) => existsSync(path.join(ROOT, file)));
  let count = 0;
  for (const file of files) {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    for (const { line, found, better } of findWords(text, rules)) {
      console.error(`${file}:${line}: "${found}" → ${better}`);
      count++;
    }
  }
  if (count > 0) {
    console.error(`${count} words that ${GLOSSARY} rules out.`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
