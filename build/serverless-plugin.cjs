/**
 * Packages the functions for `package`, `deploy`, `deploy function` and `invoke local`, gives `invoke local` the
 * role's credentials, and uploads the site after `deploy`. CommonJS, because Serverless loads plugins with require.
 */
const path = require('node:path');

/** Where the local cloud listens. */
const LOCAL_ENDPOINT = 'http://127.0.0.1:4566';

module.exports = class Pipeline {
  constructor(serverless, options, { log, progress }) {
    this.serverless = serverless;
    this.options = options;
    this.log = log;
    this.progress = progress;
    this.provider = serverless.getProvider('aws');
    this.commands = {
      site: { usage: 'Upload the site and invalidate what changed', lifecycleEvents: ['upload'] },
    };
    this.hooks = {
      initialize: () => this.refuseDeployedStage(),
      'before:package:createDeploymentArtifacts': () => this.package(serverless.service.getAllFunctions()),
      'before:package:function:package': () => this.package([options.function]),
      'before:invoke:local:invoke': () => this.prepareInvocation(options.function),
      'after:deploy:deploy': async () => {
        if (this.provider.getStage() === 'local') await this.completeBuckets();
        await this.uploadSite();
      },
      'site:upload': () => this.uploadSite(),
      'before:remove:remove': () => this.emptySite(),
    };
  }

  async package(names) {
    const { packageFunctions } = await import('./package.ts');
    const archives = await packageFunctions(path.join(this.serverless.serviceDir, '.build'), names);
    for (const name of names) {
      const definition = this.serverless.service.getFunction(name);
      definition.package = { ...definition.package, artifact: archives[name] };
    }
  }

  /** On another stage, `invoke local` would change a deployed pipeline with the developer's own permissions. */
  refuseDeployedStage() {
    const stage = this.provider.getStage();
    if (this.serverless.processedInput.commands.join(' ') === 'invoke local' && stage !== 'local')
      throw new this.serverless.classes.Error(
        `"serverless invoke local" cannot use the stage "${stage}": it runs functions on the local cloud only. Omit --stage, or run the deployed function with "serverless invoke --stage ${stage}".`,
      );
  }

  /**
   * Gives the function what it would have on Lambda: its bundle and its role's credentials, and nothing from the
   * developer's environment.
   */
  async prepareInvocation(name) {
    const { bundleFunctions } = await import('./bundle.ts');
    await bundleFunctions(path.join(this.serverless.serviceDir, '.build/functions'), [name]);
    this.options.functionObj.handler = `.build/functions/${name}.handler`;
    process.setSourceMapsEnabled(true);
    for (const variable of Object.keys(process.env))
      if (variable.startsWith('AWS_')) delete process.env[variable];
    const { functionObj } = this.options;
    const given = [this.options.env ?? []].flat().find((entry) => entry.startsWith('AWS_ENDPOINT_URL='));
    Object.assign(process.env, {
      AWS_REGION: this.provider.getRegion(),
      AWS_ACCESS_KEY_ID: `LOCAL${name.toUpperCase()}`,
      AWS_SECRET_ACCESS_KEY: `local-${name}`,
      // For another port: --env AWS_ENDPOINT_URL=…
      AWS_ENDPOINT_URL: given?.split('=')[1] ?? LOCAL_ENDPOINT,
      AWS_LAMBDA_FUNCTION_NAME: functionObj.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(functionObj.memorySize),
    });
  }

  async completeBuckets() {
    const { completeBuckets } = await import('./emulator.ts');
    await completeBuckets(
      (...call) => this.provider.request(...call),
      this.serverless.service.provider.compiledCloudFormationTemplate,
      this.provider.getRegion(),
    );
  }

  async uploadSite() {
    const [{ buildSite }, { readSite, planUpload }] = await Promise.all([
      import('./web.ts'),
      import('./site.ts'),
    ]);
    const outputs = await this.outputs();
    const Bucket = outputs.SiteBucketName;
    const folder = path.join(this.serverless.serviceDir, '.build/site');
    await buildSite(folder);
    const files = await readSite(folder);
    const changes = planUpload(files, await this.etags(Bucket));
    for (const { key, body, contentType, cacheControl } of changes.put)
      await this.provider.request('S3', 'putObject', {
        Bucket,
        Key: key,
        Body: body,
        ContentType: contentType,
        CacheControl: cacheControl,
      });
    for (const Key of changes.delete) await this.provider.request('S3', 'deleteObject', { Bucket, Key });
    if (outputs.SiteDistributionId && changes.invalidate.length > 0)
      await this.provider.request('CloudFront', 'createInvalidation', {
        DistributionId: outputs.SiteDistributionId,
        InvalidationBatch: {
          CallerReference: String(Date.now()),
          Paths: { Quantity: changes.invalidate.length, Items: changes.invalidate },
        },
      });
    this.log.notice(
      `Site: uploaded ${changes.put.length} of ${files.length} files, removed ${changes.delete.length}.` +
        (outputs.SiteUrl ? ` Address: ${outputs.SiteUrl}` : ''),
    );
  }

  /** CloudFormation removes empty buckets only. Everything in this one can be built again from the repository. */
  async emptySite() {
    const { SiteBucketName: Bucket } = await this.outputs().catch(() => ({}));
    if (!Bucket) return;
    for (;;) {
      const { Versions = [], DeleteMarkers = [] } = await this.provider.request('S3', 'listObjectVersions', {
        Bucket,
      });
      const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
      if (Objects.length === 0) return;
      const { Errors = [] } = await this.provider.request('S3', 'deleteObjects', {
        Bucket,
        Delete: { Objects, Quiet: true },
      });
      // S3 reports failed deletions in a successful answer; without this check the loop would never end.
      if (Errors.length > 0)
        throw new this.serverless.classes.Error(
          `${Errors.length} objects in ${Bucket} could not be deleted (${Errors[0].Code}: ${Errors[0].Key}). Delete them in the S3 console, then run "serverless remove" again.`,
        );
    }
  }

  async outputs() {
    const { Stacks } = await this.provider.request('CloudFormation', 'describeStacks', {
      StackName: this.provider.naming.getStackName(),
    });
    const outputs = Stacks[0].Outputs ?? [];
    return Object.fromEntries(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  }

  async etags(Bucket) {
    const etags = new Map();
    let ContinuationToken;
    do {
      const page = await this.provider.request('S3', 'listObjectsV2', { Bucket, ContinuationToken });
      for (const { Key, ETag } of page.Contents ?? []) etags.set(Key, ETag);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    return etags;
  }
};
