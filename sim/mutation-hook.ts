import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Loaded by `node --import` before the simulator: files that mutation.ts instrumented take the place of the real ones.
const { MUTATION_FOLDER: folder = '', MUTATION_HITS: hits } = process.env;
const ROOT = path.resolve(import.meta.dirname, '..');

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:')) return nextLoad(url, context);
    const instrumented = path.join(folder, path.relative(ROOT, fileURLToPath(url)));
    if (!instrumented.startsWith(folder) || !existsSync(instrumented)) return nextLoad(url, context);
    return {
      format: 'module-typescript',
      source: readFileSync(instrumented, 'utf8'),
      shortCircuit: true,
    };
  },
});

// Stryker's instrumented code counts here how often each mutant's place was run.
if (hits)
  process.on('exit', () => {
    const { __stryker__: seen } = globalThis as { __stryker__?: { mutantCoverage?: { static: object } } };
    writeFileSync(hits, JSON.stringify(seen?.mutantCoverage?.static ?? {}));
  });
