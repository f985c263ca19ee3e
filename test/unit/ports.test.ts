import { glob, readFile } from 'node:fs/promises';
import { COUNTED } from '../../lib/log-lines.ts';

/** The world itself; every other file of lib is given it as arguments. */
const ADAPTERS =
  /^lib\/(aws\/|system\.ts|replicate\/client\.ts|images\/(fetch-output|origins|decode\/decoder|decode\/sandbox\/main)\.ts)/;
const WORLD =
  /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bset(?:Timeout|Interval|Immediate)\(|\bMath\.random\(|\brandom(?:UUID|Int|Bytes)\(|\bAbortSignal\.timeout\(|\bprocess\.env\b|(?<![.\w])fetch\(|from '(?:node:(?:https?|net|dns|timers.*)|@aws-sdk\/.*|replicate)'/g;

test('lib gets time, chance, storage, queue and network as arguments', async () => {
  const found: string[] = [];
  for await (const path of glob('lib/**/*.ts')) {
    const file = path.replaceAll('\\', '/');
    if (ADAPTERS.test(file)) continue;
    // HTTP's names of status codes are a table.
    const code = (await readFile(path, 'utf8')).replace("import { STATUS_CODES } from 'node:http';", '');
    // A temporary file needs a name that nothing else has; what is in it does not depend on that.
    const uses = code
      .match(WORLD)
      ?.filter((use) => !(file === 'lib/temporary-file.ts' && use === 'randomUUID('));
    if (uses?.length) found.push(`${file} uses ${uses.join(', ')}: take it from the ports (lib/ports.ts)`);
  }
  expect(found).toEqual([]);
});

test('infra/watch.yml counts log lines that the functions write', async () => {
  const counted = [...(await readFile('infra/watch.yml', 'utf8')).matchAll(/\$\.message = "([^"]+)"/g)];
  expect([...new Set(counted.map(([, message]) => message))].sort()).toEqual(Object.values(COUNTED).sort());
});
