import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { createProgress } from '../../cli/progress.ts';
import { createDecoder } from '../../lib/images/decode/decoder.ts';
import type { Looked } from '../../lib/images/decode/looked.ts';
import { isShown, NAMES, wordsFor } from '../../lib/images/verdict.ts';
import { preparedDecoder } from '../support/decoder.ts';
import { chromiumPath, launch } from './support/browser.ts';

const HELP = `Usage: npm run judge -- <folder>

Looks at every file in a folder and in those below it, and prints for each what the pipeline finds of it beside what
Chromium does with it, then how often the two differ. The files stay as they are.

A line begins with "!" where they differ:
  valid      Chromium decodes the whole image, and the pipeline quarantines it
  invalid    the pipeline calls it ok, and Chromium does not show it
  size       both show it, in different sizes

Chromium is looked for in the usual places; CHROMIUM_PATH names another. Without one, only the pipeline's verdicts are
printed.

The exit status is 1 if more than 0.3 % of the images differ in one of the three ways, and 2 if there is no such folder.

Options:
  -h, --help   this text
`;

/** Most images of a hundred that may differ, in each way. */
const MOST_PERCENT = 0.3;
/** After that Chromium is taken to hang, and is started again. */
const PATIENCE_MS = 120_000;
const ORIGIN = 'http://judge.invalid/';

/** What Chromium does with a file. */
interface Shown {
  /** The size at which a page shows it; undefined where it shows nothing. */
  size?: { width: number; height: number };
  /** Whether it is decoded to its end; a page shows what there is of a truncated image. */
  whole: boolean;
}

/** A page that opens images of this machine, and starts again where an image was too much for it. */
async function chromium(executable: string) {
  let browser: Browser | undefined;
  let bytes: Buffer = Buffer.alloc(0);
  async function open(): Promise<Page> {
    browser = await launch(executable);
    const page = await browser.newPage();
    await page.route(`${ORIGIN}**`, (route) =>
      route.request().url() === ORIGIN
        ? route.fulfill({ contentType: 'text/html', body: '<!doctype html>' })
        : route.fulfill({ contentType: 'application/octet-stream', body: bytes }),
    );
    await page.goto(ORIGIN);
    return page;
  }
  let page = await open();
  const ask = (isSvg: boolean) =>
    page.evaluate<Shown>(`(async () => {
      const blob = new Blob([await (await fetch('/image')).arrayBuffer()], { type: ${isSvg} ? 'image/svg+xml' : '' });
      const image = new Image();
      image.src = URL.createObjectURL(blob);
      const isShown = await image.decode().then(() => true, () => false);
      const whole = await createImageBitmap(blob).then(() => true, () => ${isSvg} && isShown);
      URL.revokeObjectURL(image.src);
      const { naturalWidth: width, naturalHeight: height } = image;
      return isShown ? { size: { width, height }, whole } : { whole };
    })()`);
  return {
    async show(image: Buffer, isSvg: boolean): Promise<Shown> {
      bytes = image;
      // biome-ignore lint/plugin: no test, and what it ends is a browser that hangs
      const patience = new Promise<never>((_, reject) => setTimeout(reject, PATIENCE_MS).unref());
      try {
        return await Promise.race([ask(isSvg), patience]);
      } catch {
        await browser?.close().catch(() => {});
        page = await open();
        return { whole: false };
      }
    },
    close: () => browser?.close(),
  };
}

type Difference = 'valid' | 'invalid' | 'size';

/** How two opinions of an image differ. Formats that are not decoded here are no matter of opinion. */
export function difference(looked: Looked, shown: Shown): Difference | undefined {
  if (looked.verdict === 'quarantined') return shown.whole && isShown(looked.format) ? 'valid' : undefined;
  if (!shown.size) return 'invalid';
  const isEqual = shown.size.width === looked.width && shown.size.height === looked.height;
  return isEqual ? undefined : 'size';
}

function line(name: string, looked: Looked, shown: Shown | undefined): string {
  const size = ({ width, height }: { width: number; height: number }) => `${width} × ${height}`;
  const ours =
    looked.verdict === 'ok'
      ? `ok ${NAMES[looked.format]} ${size(looked)}`
      : wordsFor(looked.format, looked.reason);
  if (!shown) return `  ${name}: ${ours}`;
  const different = difference(looked, shown);
  const theirs = shown.size ? `${size(shown.size)}${shown.whole ? '' : ', not whole'}` : 'not shown';
  return `${different ? `! ${different} ` : '  '}${name}: ${ours} | Chromium: ${theirs}`;
}

async function judge(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const executable = chromiumPath();
  if (!executable)
    console.error(
      'There is no Chromium here, so that nothing is compared. Install one: apt install chromium-headless-shell',
    );
  const decoder = createDecoder(await preparedDecoder());
  const browser = executable ? await chromium(executable) : undefined;
  const progress = createProgress({ json: false });
  const row = progress.row('images', files.length);
  const counts = { ok: 0, quarantined: 0, valid: 0, invalid: 0, size: 0 };
  const lines: string[] = [];
  try {
    for (const [index, file] of files.entries()) {
      const bytes = await readFile(file);
      const looked = await decoder.look(bytes);
      const shown = await browser?.show(bytes, looked.format === 'svg' || file.endsWith('.svg'));
      counts[looked.verdict] += 1;
      const different = shown && difference(looked, shown);
      if (different) counts[different] += 1;
      lines.push(line(path.relative(folder, file), looked, shown));
      row.update(index + 1);
    }
  } finally {
    progress.stop();
    decoder.close();
    await browser?.close();
  }
  console.log(lines.join('\n'));
  console.log(`\n${files.length} files: ${counts.ok} ok, ${counts.quarantined} quarantined.`);
  if (!browser) return 0;
  const percent = (count: number, of: number) => (of === 0 ? 0 : (100 * count) / of);
  const shares: [string, number, number][] = [
    ['Chromium decodes, but quarantined here', counts.valid, counts.ok + counts.valid],
    ['ok here, but Chromium does not show', counts.invalid, counts.ok],
    ['in another size than in Chromium', counts.size, counts.ok],
  ];
  for (const [what, count, of] of shares)
    console.log(`${what}: ${count} of ${of} (${percent(count, of).toFixed(2)} %)`);
  return shares.some(([, count, of]) => percent(count, of) > MOST_PERCENT) ? 1 : 0;
}

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    const [folder, ...more] = positionals;
    if (folder === undefined || more.length > 0) throw new Error('Name one folder.');
    if (!existsSync(folder)) throw new Error(`There is no folder ${folder}.`);
    return await judge(folder);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
}

if (import.meta.main) process.exitCode = await main();
