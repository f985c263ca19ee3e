/**
 * Loaded into Jest and its workers. A worker whose work is done ends at once: left to itself, Node first takes apart a
 * heap of hundreds of megabytes, and on a busy machine Jest then takes it for one that hangs. A worker that something
 * keeps open never comes here, and Jest says so as before.
 */
process.on('beforeExit', () => process.exit());
