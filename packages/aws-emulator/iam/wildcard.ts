/** Matches IAM's two wildcards: `*` any characters, `?` exactly one. Everything else is literal. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  // Greedy with a single point of return: linear for real patterns, never exponential as a regular expression may be.
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      p += 1;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      resume += 1;
      t = resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** Partition, service, region, account and, as one piece, the resource. */
function arnParts(arn: string): string[] | undefined {
  const parts = arn.split(':');
  if (parts.length < 6 || parts[0] !== 'arn') return undefined;
  return [...parts.slice(0, 5), parts.slice(5).join(':')];
}

/**
 * Matches an ARN piece by piece, so that a `*` in one of the first five cannot swallow a colon
 * (IAM user guide, "ARN condition operators" and "Resource").
 */
export function matchesArn(pattern: string, arn: string): boolean {
  if (pattern === '*') return true;
  const wanted = arnParts(pattern);
  const actual = arnParts(arn);
  // IAM refuses policies with a malformed ARN, so such a pattern matches nothing.
  if (wanted === undefined || actual === undefined) return false;
  return wanted.every((piece, index) => matchesWildcard(piece, actual[index] ?? ''));
}
