/** Stands in for the sessions of S3 Express One Zone: no bucket of this pipeline is a directory bucket. */
export class S3ExpressIdentityProviderImpl {}
export class SignatureV4S3Express {}
export class CreateSessionCommand {}
