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

  /** `invoke local` on another stage would act on a deployed pipeline from a laptop, with its owner's permissions. */
  refuseDeployedStage() {
    const stage = this.provider.getStage();
    if (this.serverless.processedInput.commands.join(' ') === 'invoke local' && stage !== 'local')
      throw new this.serverless.classes.Error(
        `"invoke local" works on the local cloud only, not on the stage "${stage}". Leave --stage away, or use "serverless invoke" to run the deployed function.`,
      );
  }

  /**
   * A function that is invoked here has what it would have as a Lambda: its bundle, its role's credentials and
   * nothing of the developer's.
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
      // Another port than the usual one: --env AWS_ENDPOINT_URL=…
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
      `Site: ${changes.put.length} of ${files.length} files uploaded, ${changes.delete.length} removed` +
        (outputs.SiteUrl ? `, at ${outputs.SiteUrl}` : ''),
    );
  }

  /** A bucket is only removed empty. This one holds nothing that is not in the repository. */
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
      // S3 says so in an answer of its own, and the loop would go round for ever.
      if (Errors.length > 0)
        throw new this.serverless.classes.Error(
          `${Errors.length} objects of ${Bucket} could not be deleted: ${Errors[0].Code} ${Errors[0].Key}`,
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
