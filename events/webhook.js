const { samples, signedWebhook } = require('./signed-webhook.js');

/** A prediction that succeeded; its picture is at the stand-in for Replicate, for an hour. */
module.exports = signedWebhook('00001', samples().prediction);
