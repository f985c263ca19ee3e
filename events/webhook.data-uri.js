const { signedWebhook } = require('./signed-webhook.js');

/** An output inside the webhook: a PNG of one pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

module.exports = signedWebhook('00002', {
  id: 'samp1edatauri0000000000001',
  model: 'simulated/inline',
  version: 'hidden',
  input: { prompt: 'a photo of a baker' },
  output: [`data:application/octet-stream;base64,${PIXEL}`],
  logs: 'Using seed: 41\n',
  error: null,
  status: 'succeeded',
  metrics: { predict_time: 1.25, total_time: 1.5 },
  created_at: '2026-01-05T09:01:00.000000001Z',
  started_at: '2026-01-05T09:01:00.250Z',
  completed_at: '2026-01-05T09:01:01.5Z',
  data_removed: false,
});
