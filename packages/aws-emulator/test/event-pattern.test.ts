import { type EventPattern, matchesPattern } from '../events/pattern.ts';

const event = {
  source: 'aws.s3',
  'detail-type': 'Object Created',
  resources: ['arn:aws:s3:::images', 'arn:aws:s3:::other'],
  detail: {
    bucket: { name: 'images' },
    object: { key: 'audits/a/results/00001.json', size: 120 },
    reason: null,
  },
};
const key = (...accepted: unknown[]) => ({ detail: { object: { key: accepted } } }) as EventPattern;
const size = (...accepted: unknown[]) => ({ detail: { object: { size: accepted } } }) as EventPattern;

describe('event patterns match as EventBridge matches them', () => {
  test.each<[string, EventPattern, boolean]>([
    ['an empty pattern', {}, true],
    ['an exact value', { source: ['aws.s3'] }, true],
    ['one of several values', { source: ['aws.ec2', 'aws.s3'] }, true],
    ['no value', { source: ['aws.ec2'] }, false],
    ['a key that is missing', { account: ['1'] }, false],
    ['all keys must match', { source: ['aws.s3'], 'detail-type': ['Object Deleted'] }, false],
    ['nested keys', { detail: { bucket: { name: ['images'] } } }, true],
    ['an array in the event matches by one element', { resources: ['arn:aws:s3:::other'] }, true],
    ['null', { detail: { reason: [null] } }, true],
    ['numbers are not texts', size('120'), false],
    ['a number', size(120), true],
    ['prefix', key({ prefix: 'audits/' }), true],
    ['another prefix', key({ prefix: 'images/' }), false],
    ['prefix without regard to case', key({ prefix: { 'equals-ignore-case': 'AUDITS/' } }), true],
    ['suffix', key({ suffix: '.json' }), true],
    ['another suffix', key({ suffix: '.csv' }), false],
    ['wildcard', key({ wildcard: 'audits/*/results/*.json' }), true],
    ['a wildcard spans slashes', key({ wildcard: 'audits/*.json' }), true],
    [
      'a wildcard is anchored at both ends',
      key({ wildcard: 'audits/*/results/*' }, { wildcard: 'results/*' }),
      true,
    ],
    ['a wildcard that does not match', key({ wildcard: 'audits/*/audit.json' }), false],
    ['a dot in a wildcard is a dot', key({ wildcard: 'audits/*xjson' }), false],
    ['equals-ignore-case', key({ 'equals-ignore-case': 'AUDITS/A/RESULTS/00001.JSON' }), true],
    ['anything-but', key({ 'anything-but': 'other' }), true],
    ['anything-but a list', key({ 'anything-but': ['audits/a/results/00001.json'] }), false],
    ['anything-but a prefix', key({ 'anything-but': { prefix: 'audits/' } }), false],
    ['anything-but needs the key', { detail: { none: [{ 'anything-but': 'x' }] } }, false],
    ['exists', key({ exists: true }), true],
    ['exists is about leaves', { detail: { object: [{ exists: true }] } }, false],
    ['not exists', { detail: { none: [{ exists: false }] } }, true],
    ['not exists, but does', key({ exists: false }), false],
    ['numeric range', size({ numeric: ['>', 100, '<=', 120] }), true],
    ['outside the range', size({ numeric: ['>', 120] }), false],
    ['$or', { $or: [{ source: ['x'] }, { 'detail-type': ['Object Created'] }] } as EventPattern, true],
    ['$or with neither', { $or: [{ source: ['x'] }, { source: ['y'] }] } as EventPattern, false],
  ])('%s', (_, pattern, expected) => {
    expect(matchesPattern(pattern, event)).toBe(expected);
  });

  test('a matcher it does not know is an error, not a silent mismatch', () => {
    expect(() => matchesPattern(key({ cidr: '10.0.0.0/8' }), event)).toThrow('cidr');
  });
});
