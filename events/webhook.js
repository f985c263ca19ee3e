const { samples, signedWebhook } = require('./signed-webhook.js');

/** A prediction that succeeded. The stand-in keeps its output for an hour. */
module.exports = signedWebhook('00001', samples().prediction);
