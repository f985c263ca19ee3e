/**
 * Reads a stack trace of a deployed function from standard input and prints it with the lines of the sources:
 *   npm run stack-trace -- webhook < trace.txt
 * Run `npx serverless package` on the commit that was deployed first: bundles of the same commit are the same.
 */
import { readFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { text } from 'node:stream/consumers';

const [name = ''] = process.argv.slice(2);
const file = new URL(`../.build/functions/${name}.cjs.map`, import.meta.url);
const payload = await readFile(file, 'utf8').catch(() => {
  console.error(
    `There is no bundle of "${name}". Run "npx serverless package", then "npm run stack-trace -- <function>".`,
  );
  process.exit(1);
});
const map = new SourceMap(JSON.parse(payload));
const trace = await text(process.stdin);
const mapped = trace.replaceAll(
  /[^\s("]*\b[\w-]+\.cjs:(\d+):(\d+)/g,
  (place, line: string, column: string) => {
    const origin = map.findOrigin(Number(line), Number(column));
    return 'fileName' in origin && origin.fileName
      ? `${origin.fileName.replace(/^(\.\.\/)+/, '')}:${origin.lineNumber}:${origin.columnNumber}`
      : place;
  },
);
process.stdout.write(mapped);
