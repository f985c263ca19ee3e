import { accessDenied } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Tags } from './tags.ts';

/** Condition keys of policies with the request's values. */
export type Context = Record<string, string | string[]>;

export const bucketArn = (bucket: string) => `arn:aws:s3:::${bucket}`;
export const objectArn = (bucket: string, key: string) => `arn:aws:s3:::${bucket}/${key}`;

/** Condition keys about tags: `Existing` for those an object has, `Request` for those a request brings. */
export function tagContext(kind: 'Existing' | 'Request', tags: Tags): Context {
  const context: Context = Object.fromEntries(
    tags.map(([key, value]) => [`s3:${kind}ObjectTag/${key}`, value]),
  );
  if (kind === 'Request' && tags.length > 0) context['s3:RequestObjectTagKeys'] = tags.map(([key]) => key);
  return context;
}

function baseContext({ request, identity, accountId, store }: Exchange): Context {
  const { principal } = identity;
  const header = (name: string, key: string): Context => {
    const value = request.header(name);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    // This endpoint plays S3's HTTPS endpoint; traffic that stays on the machine needs no TLS.
    'aws:SecureTransport': 'true',
    'aws:SourceIp': request.ip,
    'aws:CurrentTime': store.now().toISOString(),
    's3:ResourceAccount': accountId,
    's3:authType': identity.authType,
    ...(principal.anonymous
      ? {}
      : {
          'aws:PrincipalArn': principal.arn,
          'aws:PrincipalAccount': principal.accountId,
          's3:signatureversion': 'AWS4-HMAC-SHA256',
        }),
    ...(identity.ageMs !== undefined && { 's3:signatureAge': String(identity.ageMs) }),
    ...header('user-agent', 'aws:UserAgent'),
    ...header('referer', 'aws:Referer'),
    ...header('x-amz-content-sha256', 's3:x-amz-content-sha256'),
    ...header('x-amz-storage-class', 's3:x-amz-storage-class'),
    ...header('x-amz-server-side-encryption', 's3:x-amz-server-side-encryption'),
    ...header('x-amz-copy-source', 's3:x-amz-copy-source'),
    ...header('x-amz-metadata-directive', 's3:x-amz-metadata-directive'),
    ...header('if-match', 's3:if-match'),
    ...header('if-none-match', 's3:if-none-match'),
  };
}

/** True if the caller may do `action`, for instance `s3:GetObject`, on the resource. */
export function may(exchange: Exchange, action: string, resource: string, context: Context = {}): boolean {
  return exchange.authorize({
    principal: exchange.identity.principal,
    action,
    resource,
    context: { ...baseContext(exchange), ...context },
  });
}

/** Throws AccessDenied unless the caller may. */
export function demand(exchange: Exchange, action: string, resource: string, context: Context = {}): void {
  if (may(exchange, action, resource, context)) return;
  const { principal } = exchange.identity;
  throw accessDenied(
    principal.anonymous
      ? 'Access Denied'
      : `User: ${principal.arn} is not authorized to perform: ${action} on resource: "${resource}"`,
  );
}
