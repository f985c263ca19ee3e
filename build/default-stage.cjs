/**
 * The stage when `--stage` is omitted. `invoke local` runs a function on this machine against the local cloud; a
 * forgotten option must not make it change a deployed stage.
 */
const [first, second] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

module.exports = { stage: first === 'invoke' && second === 'local' ? 'local' : 'dev' };
