/** `npm start`. Plain JavaScript, so that a Node.js without TypeScript gets a sentence instead of a syntax error. */
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(
    `The local cloud needs Node.js 24, but this is ${process.version}. Run "npm ci" and start it with "npm start": the project brings its own Node.js 24.`,
  );
  process.exit(1);
}
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
