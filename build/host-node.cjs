/**
 * Runs at the end of `npm ci`: says in a sentence what npm's warnings about engines mean. It stops nothing, because only
 * npm itself uses the installed Node; everything else uses the project's own.
 */
// npm tells with which Node it runs. This script already runs with the project's.
const [, version, major, minor] = /node\/v((\d+)\.(\d+)\S*)/.exec(process.env.npm_config_user_agent) || [];
// As "engines" in package.json.
const supported = major >= 24 || (major === '22' && minor >= 13);

if (version && !supported)
  console.error(
    `Node ${version} is not supported, which is what npm's warnings (EBADENGINE) say. ` +
      'The project still runs, because it brings its own Node 24. ' +
      'To install without warnings, use Node 22.13 or newer (https://nodejs.org).',
  );
