import { XMLParser } from 'fast-xml-parser';

/** What the repository says of the suite. */
export interface Listed {
  passing: string[];
  /** Name → why S3 itself, or what the local S3 claims, is otherwise. */
  explained: Record<string, string>;
}

export interface Outcome {
  name: string;
  passed: boolean;
  /** What failed, in a line. */
  reason: string;
}

/** Marks of the suite whose tests are of what the local S3 does not claim. */
export const NOT_CLAIMED_MARKS = [
  'appendobject',
  'auth_aws2',
  'bucket_encryption',
  'bucket_logging',
  'bucket_logging_cleanup',
  'bucket_policy',
  'cloud_restore',
  'cloud_transition',
  'encryption',
  'iam_account',
  'iam_cross_account',
  'iam_tenant',
  'iam_user',
  'lifecycle',
  'lifecycle_expiration',
  'lifecycle_transition',
  'object_ownership',
  's3select',
  's3website',
  'sns',
  'sse_s3',
  'storage_class',
  'test_of_sts',
];

/** The same by name, where the suite has no mark: a part of the name, and what it is about. */
const NOT_CLAIMED: [pattern: RegExp, about: string][] = [
  [
    /acl|grant|publicread|anon|public_read|_public$|access_bucket|not_owned|_raw_get$|_raw_get_bucket|_raw_get_object/,
    'access control lists, and access without credentials, which they give',
  ],
  [/post_object/, 'uploads by forms'],
  [/cors/, 'PutBucketCors; the stack declares CORS'],
  [
    /policy|block_public|public_block|ownership|notprincipal/,
    'bucket policies by API; the stack declares them',
  ],
  [/bucket_tagging|tagging_bucket|set_bucket_tagging/, 'tags of buckets'],
  [
    /lifecycle|logging|restore|notification|torrent|usage|website|request_payment/,
    'operations that it does not have',
  ],
  [/sse_|encrypt|_enc\b|put_obj_enc|kms/, 'encryption with keys of customers or of KMS'],
  [/tenant|aws2|v2_client/, 'what only Ceph has, or AWS no longer'],
  [/unordered|bucket_head_extended|read_through/, 'extensions of Ceph'],
];

/** Tests that the command runs, from the lines of `pytest --collect-only -q`. */
export function wanted(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.trim())
    .filter((line) => line.includes('::test_'))
    .filter((line) => NOT_CLAIMED.every(([pattern]) => !pattern.test(nameOf(line))));
}

const nameOf = (test: string) => test.split('::').at(-1) ?? test;

/** Outcomes from pytest's report in JUnit's XML. */
export function outcomesIn(xml: string): Outcome[] {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    isArray: (name) => name === 'testcase',
  });
  interface Case {
    name: string;
    failure?: { message?: string };
    error?: { message?: string };
    skipped?: { message?: string };
  }
  const cases = parser.parse(xml).testsuites.testsuite.testcase as Case[];
  const byName = new Map<string, Outcome>();
  for (const { name, failure, error, skipped } of cases) {
    const problem = failure ?? error ?? skipped;
    const reason = problem?.message?.split('\n')[0] ?? '';
    // An error after a test that passed is of the suite's own cleaning up.
    if (error !== undefined && byName.get(name)?.passed) continue;
    byName.set(name, { name, passed: problem === undefined, reason });
  }
  return [...byName.values()];
}

/** Compares a run with the list: what neither passes nor is explained, and what the list says that is not so. */
export function compare(outcomes: readonly Outcome[], { passing, explained }: Listed) {
  const ran = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
  const unexplained = [
    ...outcomes
      .filter(({ name, passed }) => !passed && !(name in explained))
      .map(({ name, reason }) => `${name} failed: ${reason}`),
    ...outcomes
      .filter(({ name, passed }) => passed && !passing.includes(name))
      .map(({ name }) => `${name} passes, and the list does not say so. Run again with --write.`),
    ...[...passing, ...Object.keys(explained)]
      .filter((name) => !ran.has(name))
      .map((name) => `${name} is in the list, and did not run.`),
  ];
  const passed = outcomes.filter((outcome) => outcome.passed).length;
  const failed = outcomes.length - passed;
  const open = outcomes.filter((outcome) => !outcome.passed && !(outcome.name in explained)).length;
  const summary = `${outcomes.length} tests: ${passed} passed, ${failed - open} explained, ${open} unexplained.`;
  return { summary, unexplained };
}
