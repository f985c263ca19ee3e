const { createHmac, randomUUID } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');

/** Written by `npm run seed`: the local webhook secret, and a finished prediction of the stand-in. */
const SAMPLES = process.env.WEAUDIT_SAMPLES ?? path.join(__dirname, '..', '.local', 'samples.json');

/** The audit of the sample events. */
const AUDIT = '7ychs9v1bzsamp1e0000000001';

function samples() {
  try {
    return JSON.parse(readFileSync(SAMPLES, 'utf8'));
  } catch (error) {
    throw new Error(
      `${SAMPLES} cannot be read (${error.code}). Start the local cloud and run "npm run seed" first.`,
    );
  }
}

/**
 * A webhook of Replicate as API Gateway passes it on. It is signed now, because signatures are accepted for five minutes and
 * samples are no exception. Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.
 * @param {string} cell five digits
 * @param {object} prediction the body; the signed address is added to it
 */
function signedWebhook(cell, prediction) {
  const { webhookSecret } = samples();
  const rawPath = `/webhooks/replicate/${AUDIT}/${cell}`;
  const body = JSON.stringify({ ...prediction, webhook: `http://127.0.0.1:3000${rawPath}` });
  const id = `msg_${randomUUID()}`;
  const now = new Date();
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const key = Buffer.from(webhookSecret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const routeKey = 'POST /webhooks/replicate/{audit}/{cell}';
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString: '',
    headers: {
      'content-length': String(Buffer.byteLength(body)),
      'content-type': 'application/json',
      host: 'localhost:3000',
      'user-agent': 'Replicate/1.0',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
      'x-forwarded-for': '127.0.0.1',
    },
    pathParameters: { audit: AUDIT, cell },
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: 'localhost:3000',
      domainPrefix: 'localhost:3000',
      http: {
        method: 'POST',
        path: rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: 'Replicate/1.0',
      },
      requestId: 'JKJaXmPLvHcESHD=',
      routeKey,
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    body,
    isBase64Encoded: false,
  };
}

module.exports = { signedWebhook, samples };
