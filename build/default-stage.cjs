/**
 * The stage that is meant where `--stage` is left out. `invoke local` runs a function on this machine, against the
 * local cloud: it must not reach a deployed stage because somebody forgot an option.
 */
const [first, second] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

module.exports = { stage: first === 'invoke' && second === 'local' ? 'local' : 'dev' };
