import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { knows, MAX_VALUES, type SecretRecord, withValue } from '../../lib/records/secret.ts';
import { ReplicateRefusal } from '../../lib/replicate/errors.ts';
import {
  fingerprintsOf,
  redactError,
  redactorOf,
  redactText,
  withhold,
} from '../../lib/replicate/fingerprints.ts';
import { redactor, shownInput } from '../../lib/replicate/secret-inputs.ts';

const KEY = 'sk-Proj_9f8e+7D/6c5"b4\\a3==Zy';
const salt = () => randomBytes(16).toString('hex');
const known = fingerprintsOf(KEY, salt);

describe('a secret is recognized by its fingerprints alone', () => {
  test.each([
    ['as it is', `key ${KEY}.`, 'key [redacted].'],
    ['in a word', `token_${KEY}abc`, 'token_[redacted]abc'],
    ['twice', `${KEY}${KEY}`, '[redacted][redacted]'],
    ['in lower case, as a host', `https://${KEY.toLowerCase()}.example`, 'https://[redacted].example'],
    ['as JSON', JSON.stringify({ key: KEY }), '{"key":"[redacted]"}'],
    ['in an address', `?key=${encodeURIComponent(KEY)}&n=1`, '?key=[redacted]&n=1'],
    [
      'in an address, as Python quotes it',
      'https://sk-Proj_9f8e%2B7D/6c5%22b4%5Ca3%3D%3DZy@example.com',
      'https://[redacted]@example.com',
    ],
    [
      'in an address, with small hexadecimal digits',
      '?key=sk-Proj_9f8e%2b7D%2f6c5%22b4%5ca3%3d%3dZy&n=1',
      '?key=[redacted]&n=1',
    ],
    [
      'as JSON of .NET, which escapes more signs',
      String.raw`{"key":"sk-Proj_9f8e\u002B7D/6c5\u0022b4\\a3\u003D\u003dZy"}`,
      '{"key":"[redacted]"}',
    ],
    ['as JSON of PHP', String.raw`"sk-Proj_9f8e+7D\/6c5\"b4\\a3==Zy"`, '"[redacted]"'],
    ['over two lines', `key ${KEY.slice(0, 9)}\r\n  ${KEY.slice(9)}, n`, 'key [redacted], n'],
    ['over two lines of JSON', String.raw`"sk-Proj_9f8e+7D/6c\n5\"b4\\a3==Zy", n`, '"[redacted]", n'],
    [
      'in the box of a traceback',
      `│ key=${KEY.slice(0, 20)} │\n│ ${KEY.slice(20)} is │`,
      '│ key=[redacted] is │',
    ],
    [
      'among signs of its own',
      'the key%20is %41 sk-Proj_9f8e%2B7D/6c5"b4\\\\a3==Zy%20',
      'the key%20is %41 [redacted]%20',
    ],
  ])('%s', (_how, text, clean) => {
    expect(redactText(text, known)).toBe(clean);
  });

  test('as base64 that a program has broken into lines', () => {
    const text = Buffer.from(`${'a line before '.repeat(4)}${KEY}`)
      .toString('base64')
      .replace(/.{76}/g, '$&\n');
    const clean = redactText(text, known);
    expect(text).toContain('\n');
    expect(clean).toMatch(/^[A-Za-z0-9+/]{74,78}\[redacted\].{0,4}$/s);
  });

  test('whatever of its signs are escaped, however, and wherever its lines are broken', () => {
    const hex = (sign: string) => sign.charCodeAt(0).toString(16).padStart(2, '0');
    const forms = [
      (sign: string) => (sign === '\\' ? '\\\\' : sign),
      (sign: string) => `\\u00${hex(sign)}`,
      (sign: string) => `%${hex(sign)}`,
      (sign: string) => `\\x${hex(sign)}`,
    ];
    const sign = fc.tuple(
      fc.constantFrom(...forms),
      fc.constantFrom('', '', '', '\n', '\r\n  ', ' │\n│ ', '\\n'),
    );
    const signs = fc.array(sign, { minLength: KEY.length, maxLength: KEY.length });
    const around = fc.array(fc.constantFrom(' ', '%', '\\', '%4', 'abc', '%41', '\\u00', 'é', '│'), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(signs, around, (drawn, parts) => {
        const disguised = drawn.map(([form, end], i) => form(KEY[i]!) + end).join('');
        expect(redactText(`${parts.join('')}.${disguised}.`, known)).toMatch(/\.\[redacted\].*\.$/s);
      }),
    );
  });

  test('wherever it stands in a text of some MB', () => {
    const disguised = `${KEY.slice(0, 9)}\n${KEY.slice(9)}`;
    for (const before of [262_130, 262_144, 262_150]) {
      const [front, back] = ['%41'.repeat(before).slice(0, before), 'b'.repeat(20_000)];
      expect(redactText(`${front}${disguised}${back}`, known)).toBe(`${front}[redacted]${back}`);
    }
  });

  test('also where its own signs look like those of an address or of JSON', () => {
    const odd = 'a%41b%2Fc\\u0041d\\/efgh';
    for (const text of [odd, encodeURIComponent(odd), JSON.stringify(odd).slice(1, -1)])
      expect(redactText(`${text}.`, fingerprintsOf(odd, salt))).toBe('[redacted].');
  });

  test('in an address also where it has signs that JavaScript leaves and Python does not', () => {
    const odd = fingerprintsOf("pass!word'(1)*2/3", salt);
    for (const form of [
      "pass!word'(1)*2%2F3",
      'pass%21word%27%281%29%2A2%2F3',
      'pass%21word%27%281%29%2A2/3',
    ])
      expect(redactText(`?key=${form}&n=1`, odd)).toBe('?key=[redacted]&n=1');
  });

  test('also one that older audits hold, of any characters', () => {
    const older = 'Pa\u00dfwort-\u20ac-\ud800-1';
    const text = `${older} ${Buffer.from(older).toString('base64')}.`;
    expect(redactText(text, fingerprintsOf(older, salt))).toMatch(/^\[redacted\] \[redacted\].{0,4}\.$/);
  });

  test.each(['base64', 'base64url'] as const)('as %s, whatever stands around it', (encoding) => {
    for (const before of ['', 'u', 'us', 'use', 'user:'])
      for (const after of ['', '!', '!!', '!!!']) {
        const text = Buffer.from(before + KEY + after).toString(encoding);
        const clean = redactText(text, known);
        expect(clean).toContain('[redacted]');
        // Of what is left, no more than a character at each end depends on the secret.
        const left = clean.replace('[redacted]', '');
        expect(left.length).toBeLessThanOrEqual(Math.ceil(((before.length + after.length) * 4) / 3) + 4);
      }
  });

  test('in texts, names and numbers of a value at any depth, which is otherwise as it was', () => {
    const digits = '1234567890123456';
    const redact = redactorOf([...known, ...fingerprintsOf(digits, salt)]);
    expect(redact({ a: [KEY, 1, null, { [`n ${KEY}`]: true }], n: 1234567890123456 })).toEqual({
      a: ['[redacted]', 1, null, { 'n [redacted]': true }],
      n: '[redacted]',
    });
    expect(redact(undefined)).toBeUndefined();
    expect(redact(null)).toBeNull();
  });

  test.each([200, 1_500, 2_000, 100_000])('in a value that is nested %i deep, without a fault', (depth) => {
    const value: unknown = JSON.parse(`${'[{"a":'.repeat(depth)}${JSON.stringify(KEY)}${'}]'.repeat(depth)}`);
    const clean = redactorOf(known)({ value, beside: KEY });
    expect(JSON.stringify(clean)).not.toContain(KEY.slice(0, 9));
  });

  test('and nothing else is removed', () => {
    const alike = [
      KEY.slice(1),
      KEY.slice(0, -1),
      KEY.replace('9', '8'),
      '',
      'a'.repeat(100),
      KEY.toUpperCase(),
    ];
    for (const text of alike) expect(redactText(text, known)).toBe(text);
  });

  test('fingerprints of one secret differ each time, so that equal secrets cannot be told', () => {
    const again = fingerprintsOf(KEY, salt);
    for (const [i, { salt, rolling, sha256 }] of known.entries()) {
      expect(again[i]!.salt).not.toBe(salt);
      expect(again[i]!.sha256).not.toBe(sha256);
      expect(again[i]!.rolling).not.toBe(rolling);
    }
    expect(JSON.stringify(known)).not.toContain(KEY.slice(0, 6));
  });

  test('an error keeps its kind, and loses the secret', () => {
    const error = new ReplicateRefusal(429, `slow down, ${KEY}`, 7);
    expect(redactError(error, redactorOf(known))).toMatchObject({
      ...{ name: 'ReplicateRefusal', status: 429, retryAfter: 7, message: 'slow down, [redacted]' },
    });
    const other = new TypeError('no secret');
    expect(redactError(other, redactorOf(known))).toBe(other);
  });

  test('an error loses the secret of what caused it', () => {
    const caused = new Error('no answer', { cause: new Error('broken', { cause: `at ${KEY}.example.com` }) });
    const clean = redactError(caused, redactorOf(known));
    expect(inspect(clean)).not.toContain(KEY);
    expect(clean).toMatchObject({
      message: 'no answer',
      cause: { message: 'broken', cause: 'at [redacted].example.com' },
    });
  });
});

test('without fingerprints, nothing of what a model says is kept but ordinary numbers', () => {
  expect(withhold({ predict_time: 1.5, [KEY]: 2, note: KEY })).toEqual({ predict_time: 1.5 });
  expect(withhold(KEY)).toMatch(/^\[withheld: /);
  expect(withhold([KEY])).toEqual([]);
  expect(withhold(null)).toBeNull();
});

describe('the record of a secret', () => {
  const use = { model: 'a/b', input: 'key' };
  const value = (n: number) => `value-number-${n}-of-a-secret`;
  test('recognizes its five latest values, and not the same one twice', () => {
    let record: SecretRecord | undefined;
    for (let n = 0; n < 8; n++)
      for (let times = 0; times < 2; times++)
        record = withValue(record, { use, value: value(n) }, new Date(n), salt);
    expect(record?.values).toHaveLength(MAX_VALUES);
    expect([2, 3, 7].map((n) => knows(record!, value(n)))).toEqual([false, true, true]);
  });
});

describe('an input that names a stored secret', () => {
  const input = { api: { secret: 'openai' }, prompt: 'openai makes keys' };
  test('is shown as it was sent', () => {
    expect(shownInput(['api'], input)).toEqual(input);
    expect(shownInput([], { ...input, api_key: 'sk-plain' })).toEqual({ ...input, api_key: '[redacted]' });
  });
  test('is removed by its name where Replicate repeats it, and its name is removed nowhere', () => {
    expect(redactor([], input)({ api: 'sk-1', said: 'openai' })).toEqual({
      api: '[redacted]',
      said: 'openai',
    });
  });
});
