const { signedWebhook } = require('./signed-webhook.js');

/** A refusal of the model's safety filter: a finding of the audit, which no retry would change. */
module.exports = signedWebhook('00003', {
  id: 'samp1erefused0000000000001',
  model: 'simulated/studio',
  version: 'hidden',
  input: { prompt: 'a photo of a soldier' },
  output: null,
  logs: 'Checking the prompt\n',
  error: 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)',
  status: 'failed',
  metrics: { total_time: 0.4 },
  created_at: '2026-01-05T09:01:00Z',
  started_at: '2026-01-05T09:01:00.1Z',
  completed_at: '2026-01-05T09:01:00.4Z',
  data_removed: false,
});
