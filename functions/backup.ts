import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { s3Client } from '../lib/aws/clients.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { createBackup } from '../lib/handlers/backup.ts';
import { setting } from '../lib/settings.ts';

const { env } = process;
const log = new Logger();
const images = new S3Store(s3Client(), setting(env, 'IMAGES_BUCKET'));
const backupClient = s3Client({ region: setting(env, 'BACKUP_REGION') });
const backup = new S3Store(backupClient, setting(env, 'BACKUP_BUCKET'));

export const handler = middy(createBackup({ images, backup, log })).use(injectLambdaContext(log));
