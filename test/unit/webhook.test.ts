import { afterEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { parsePrediction } from '../../lib/replicate/prediction.ts';
import { parseSecrets, verifyDelivery } from '../../lib/replicate/webhook.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
const AT = 1_614_265_330;
const BODY = '{"test": 2432232314}';
const HEADERS = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': String(AT),
  'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const at = (seconds: number) => {
  jest.useFakeTimers({ now: seconds * 1_000 });
};
afterEach(() => {
  jest.useRealTimers();
});

describe('a delivery', () => {
  test('of the Standard Webhooks vector is believed', () => {
    at(AT);
    expect(verifyDelivery({ headers: HEADERS, body: BODY }, [SECRET], new Date())).toEqual({
      test: 2432232314,
    });
  });

  test.each([
    [299, true],
    [-299, true],
    [301, false],
    [-301, false],
  ])('that is %i s old is believed: %s', (age, believed) => {
    at(AT + age);
    const verify = () => verifyDelivery({ headers: HEADERS, body: BODY }, [SECRET], new Date());
    if (believed) expect(verify()).toBeDefined();
    else expect(verify).toThrow(expect.objectContaining({ status: 401 }));
  });

  test.each([
    ['another body', {}, `${BODY} `],
    ['another id', { 'webhook-id': 'msg_other' }, BODY],
    ['another time', { 'webhook-timestamp': String(AT + 1) }, BODY],
    ['letters behind its time', { 'webhook-timestamp': `${AT}abc` }, BODY],
    ['no id', { 'webhook-id': undefined }, BODY],
    ['no time', { 'webhook-timestamp': undefined }, BODY],
    ['no signature', { 'webhook-signature': undefined }, BODY],
    [
      'a signature of an unknown version',
      { 'webhook-signature': HEADERS['webhook-signature'].replace('v1', 'v9') },
      BODY,
    ],
    ['an empty signature', { 'webhook-signature': 'v1,' }, BODY],
  ])('with %s is refused as 401', (_name, headers, body) => {
    at(AT);
    expect(() => verifyDelivery({ headers: { ...HEADERS, ...headers }, body }, [SECRET], new Date())).toThrow(
      expect.objectContaining({ status: 401 }),
    );
  });

  test('with several signatures is believed if one of them fits', () => {
    at(AT);
    const headers = { ...HEADERS, 'webhook-signature': `v1,AAAA v9,BBBB ${HEADERS['webhook-signature']}` };
    expect(verifyDelivery({ headers, body: BODY }, [SECRET], new Date())).toBeDefined();
  });

  test('is believed by the old and by the new secret while one replaces the other, and by no third', () => {
    at(AT);
    for (const secrets of [[SECRET], [OTHER, SECRET], [SECRET, OTHER]])
      expect(verifyDelivery({ headers: HEADERS, body: BODY }, secrets, new Date())).toBeDefined();
    expect(() => verifyDelivery({ headers: HEADERS, body: BODY }, [OTHER], new Date())).toThrow(
      expect.objectContaining({ status: 401 }),
    );
  });

  test('is believed by a good secret beside one that cannot be used', () => {
    at(AT);
    expect(
      verifyDelivery({ headers: HEADERS, body: BODY }, ['"whsec_quoted"', SECRET], new Date()),
    ).toBeDefined();
  });

  test.each([[[]], [['"whsec_quoted"']], [[OTHER, 'whsec_äöü']]])(
    'is not refused if one of the secrets cannot be used (%j): that is a fault, and says what to do',
    (secrets) => {
      at(AT);
      expect(() => verifyDelivery({ headers: HEADERS, body: BODY }, secrets, new Date())).toThrow(
        expect.objectContaining({ name: 'Error', message: expect.stringContaining('npx weaudit setup') }),
      );
    },
  );

  test('that is signed but no JSON is refused as 400: sending it again cannot help', () => {
    at(AT);
    const body = 'not json';
    const headers = {
      ...HEADERS,
      'webhook-signature': new Webhook(SECRET).sign(HEADERS['webhook-id'], new Date(AT * 1_000), body),
    };
    expect(() => verifyDelivery({ headers, body }, [SECRET], new Date())).toThrow(
      expect.objectContaining({ status: 400 }),
    );
  });
});

test('any headers and any body are refused as 401, and any signed JSON is a prediction or refused as 422', () => {
  const text = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
  const headers = fc.record({
    'webhook-id': text,
    'webhook-timestamp': fc.oneof(text, fc.integer().map(String)),
    'webhook-signature': fc.oneof(
      text,
      fc.base64String().map((signature) => `v1,${signature}`),
    ),
  });
  fc.assert(
    fc.property(headers, fc.string({ unit: 'binary' }), (given, body) => {
      expect(() => verifyDelivery({ headers: given, body }, [SECRET], new Date())).toThrow(
        expect.objectContaining({ name: 'Refusal', status: 401 }),
      );
    }),
  );
  const member = fc.oneof(fc.jsonValue(), fc.constantFrom('succeeded', 'failed', 'p1', null));
  const almost = fc.record(
    {
      id: member,
      status: member,
      output: member,
      error: member,
      logs: member,
      webhook: member,
      metrics: member,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(almost, fc.jsonValue()), (body) => {
      try {
        expect(parsePrediction(body)).toMatchObject({ id: expect.stringMatching(/^[\w-]+$/) });
      } catch (error) {
        expect(error).toMatchObject({ name: 'Refusal', status: 422 });
      }
    }),
  );
});

test('what is refused is not quoted: it may be a prompt, and refusals are logged', () => {
  expect(() => parsePrediction({ id: 'p1', status: 'failed', input: 'a secret prompt' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  );
});

test('the parameter may hold secrets separated by spaces, commas or lines', () => {
  expect(parseSecrets(` ${SECRET},${OTHER}\n`)).toEqual([SECRET, OTHER]);
});
