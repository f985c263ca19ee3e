/** Bundles the functions before Serverless looks at them. CommonJS, because Serverless loads plugins with require. */
module.exports = class BundleFunctions {
  constructor(serverless, options) {
    this.hooks = { 'before:invoke:local:invoke': () => this.bundle([options.function]) };
  }

  async bundle(only) {
    const { bundleFunctions } = await import('./bundle.ts');
    await bundleFunctions('.build/functions', only);
  }
};
