/** `npm start`. Plain JavaScript, so that an older Node gets a sentence instead of a syntax error. */
import module from 'node:module';

const NEEDED = 24;

if (Number(process.versions.node.split('.')[0]) < NEEDED) {
  console.error(
    `The local cloud needs Node ${NEEDED}; this is ${process.version}. Run "npm ci", then "npm start": the project brings its own Node ${NEEDED}.`,
  );
  process.exit(1);
}
// The next start loads what this one compiled.
module.enableCompileCache();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
