import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';

/** What each part may import besides itself: lib knows nothing of what uses it, packages know nothing of the product. */
const MAY_IMPORT: Record<string, string[]> = {
  lib: [],
  functions: ['lib'],
  cli: ['lib'],
  web: ['lib'],
  build: ['packages/aws-emulator'],
  local: ['build', 'cli', 'lib', 'packages/aws-emulator', 'packages/replicate-stand-in', 'packages/sqlite'],
  bench: ['build', 'lib', 'local', 'packages/aws-emulator'],
  ledger: [],
  chaos: ['cli', 'ledger', 'local', 'packages/aws-emulator', 'packages/replicate-stand-in'],
  // Of the page what raters' browsers keep and send.
  sim: ['bench', 'cli', 'ledger', 'lib', 'packages/aws-emulator', 'web'],
  'packages/aws-emulator': ['packages/sqlite'],
  'packages/replicate-stand-in': ['packages/sqlite'],
  'packages/sqlite': [],
};
/** Circles that are still to be opened. The list may only become shorter. */
const CIRCLES: string[] = [];

const IMPORT = /\bfrom\s+'([^']+)'|\bimport\s*\(\s*'([^']+)'|^import\s+'([^']+)'/gm;
const isTest = (file: string) => /(^|\/)test\//.test(file);
const partOf = (file: string) => {
  const [top = '', second = ''] = file.split('/');
  return top === 'packages' ? `${top}/${second}` : top;
};

interface Import {
  from: string;
  to: string;
  /** As it is written. */
  text: string;
}

/** Imports between files of this project, those of types included. */
async function readImports(): Promise<Import[]> {
  const found: Import[] = [];
  const folders = new Set(Object.keys(MAY_IMPORT).map((part) => part.split('/')[0]));
  for await (const entry of glob(`{${[...folders].join(',')}}/**/*.{ts,tsx,js,cjs}`, {
    exclude: (name) => name === 'node_modules',
  })) {
    const from = entry.replaceAll('\\', '/');
    for (const [, a, b, c] of (await readFile(entry, 'utf8')).matchAll(IMPORT)) {
      const text = a ?? b ?? c ?? '';
      if (text.startsWith('.')) {
        found.push({ from, to: path.posix.join(path.posix.dirname(from), text), text });
      } else if (text.startsWith('@weaudit/')) {
        found.push({ from, to: `packages/${text.slice('@weaudit/'.length)}`, text });
      }
    }
  }
  return found;
}

/** The shortest way from a file back to itself through files that come later in the alphabet. */
function circleThrough(start: string, edges: Map<string, string[]>): string[] | undefined {
  const before = new Map<string, string>();
  const queue = [start];
  for (const file of queue) {
    for (const next of edges.get(file) ?? []) {
      if (next === start) {
        const way: string[] = [];
        for (let at: string | undefined = file; at !== undefined; at = before.get(at)) way.unshift(at);
        return way;
      }
      if (next < start || before.has(next)) continue;
      before.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

const imports = readImports();

test('a part imports only what the table of this file lets it know', async () => {
  const wrong = (await imports).filter(({ from, to }) => {
    const allowed = [partOf(from), ...MAY_IMPORT[partOf(from)]!, ...(isTest(from) ? ['test'] : [])];
    return !allowed.includes(partOf(to));
  });
  expect(
    wrong.map(
      ({ from, to }) =>
        `${from} imports ${to}, but ${partOf(from)} must not know ${partOf(to)}. ` +
        'Take it as an argument, or move the code to the part that both may know.',
    ),
  ).toEqual([]);
});

test('a package is imported by its name, so that its exports are all that others use', async () => {
  const wrong = (await imports).filter(
    ({ from, to, text }) => text.startsWith('.') && to.startsWith('packages/') && partOf(from) !== partOf(to),
  );
  expect(
    wrong.map(
      ({ from, text }) =>
        `${from} imports '${text}'. Import from '@weaudit/…', and see the package's exports.`,
    ),
  ).toEqual([]);
});

test('no file imports itself through others', async () => {
  const edges = new Map<string, string[]>();
  for (const { from, to } of await imports)
    if (!isTest(from)) edges.set(from, [...(edges.get(from) ?? []), to]);
  const circles = [...edges.keys()].flatMap((file) => {
    const way = circleThrough(file, edges);
    return way === undefined ? [] : [[...way, file].join(' → ')];
  });
  const advice = 'Move what both need to a third file';
  expect(
    circles.filter((circle) => !CIRCLES.includes(circle)).map((circle) => `${circle}. ${advice}`),
  ).toEqual([]);
  expect(
    CIRCLES.filter((circle) => !circles.includes(circle)).map(
      (circle) => `${circle} is open: remove it from CIRCLES`,
    ),
  ).toEqual([]);
});

test('functions make their AWS clients where the time limits of calls are', async () => {
  const own: string[] = [];
  for await (const file of glob('{functions,lib}/**/*.ts'))
    if (!file.endsWith('clients.ts') && /new \w+Client\(/.test(await readFile(file, 'utf8'))) own.push(file);
  expect(own).toEqual([]);
});
