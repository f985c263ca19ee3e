interface EndpointParameters {
  Bucket?: string;
  Region?: string;
  /** Set where AWS_ENDPOINT_URL is. */
  Endpoint?: string;
  ForcePathStyle?: boolean;
  UseFIPS?: boolean;
  UseDualStack?: boolean;
  Accelerate?: boolean;
}

/** Names that can stand in front of a host and are covered by its certificate: lower case, and no dots. */
const HOST_LABEL = /^(?!xn--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
/** Endings that S3 reserves for other kinds of buckets and for access points. */
const RESERVED = /(--x-s3|--xa-s3|--ol-s3|-s3alias|\.mrap|--table-s3)$/;
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/**
 * Replaces S3's endpoint rules, which have 18 kB for buckets and access points that this pipeline does not have. It supports
 * a general purpose bucket in a region or behind a custom endpoint. A test compares it with the SDK's rules.
 * @throws {Error} for a bucket or an option that it does not support
 */
export function defaultEndpointResolver(parameters: EndpointParameters) {
  const { Bucket, Region, Endpoint, ForcePathStyle, UseFIPS, UseDualStack, Accelerate } = parameters;
  if (!Bucket || !Region) throw new Error('a bucket and a region are needed to reach S3');
  if (!HOST_LABEL.test(Bucket) || RESERVED.test(Bucket))
    throw new Error(
      `the bucket name "${Bucket}" is not supported: 3 to 63 lower-case letters, digits and hyphens`,
    );
  if (UseFIPS || UseDualStack || Accelerate)
    throw new Error(
      'FIPS, dual-stack and accelerated endpoints of S3 are not supported: see build/bundle.ts',
    );
  const authSchemes = [
    { name: 'sigv4', signingName: 's3', signingRegion: Region, disableDoubleEncoding: true },
  ];
  return {
    url: address(Bucket, Region, Endpoint, ForcePathStyle === true),
    properties: { authSchemes },
    headers: {},
  };
}

function address(bucket: string, region: string, endpoint: string | undefined, pathStyle: boolean): URL {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const url = new URL(endpoint ?? `https://s3.${region}.${suffix}`);
  if (pathStyle || IPV4.test(url.hostname)) url.pathname = `${url.pathname.replace(/\/$/, '')}/${bucket}`;
  else url.hostname = `${bucket}.${url.hostname}`;
  return url;
}
