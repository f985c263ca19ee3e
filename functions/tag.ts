import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { s3Client } from '../lib/aws/clients.ts';
import { embeddedMetrics } from '../lib/aws/embedded-metrics.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { createTag } from '../lib/handlers/tag.ts';
import { createDecoder, type Decoder } from '../lib/images/decode/decoder.ts';
import type { LookAtImage } from '../lib/ports.ts';
import { setting } from '../lib/settings.ts';
import { systemTime } from '../lib/system.ts';

const { env } = process;
const log = new Logger();
const store = new S3Store(s3Client(), setting(env, 'IMAGES_BUCKET'));

/** Started by the first image, and kept for the events that follow. Its files lie beside this bundle. */
let decoder: Decoder | undefined;
const look: LookAtImage = (image, signal) => {
  decoder ??= createDecoder(import.meta.dirname);
  return decoder.look(image, signal);
};

const ports = { store, look, time: systemTime, log, publish: embeddedMetrics() };
export const handler = middy(createTag(ports, env)).use(injectLambdaContext(log));
