import { readStack } from '../stack/read.ts';

const sendTo = (queue: string) => ({ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: arnOf(queue) });
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const LOGS = { Effect: 'Allow', Action: 'logs:*', Resource: '*' };
const role = (name: string, ...statements: object[]) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    RoleName: name,
    Policies: [{ PolicyName: 'own', PolicyDocument: { Statement: [LOGS, ...statements] } }],
  },
});
const queue = (QueueName: string, properties: object = {}) => ({
  Type: 'AWS::SQS::Queue',
  Properties: { QueueName, ...properties },
});
const onUpload = {
  eventBridge: { pattern: { source: ['aws.s3'], detail: { object: { key: [{ prefix: 'in/' }] } } } },
};
const toDead = { onFailure: { type: 'sqs', arn: arnOf('Dead') } };
const handler = 'scripted.handler';

const SERVICE = {
  service: 'demo',
  provider: { stage: 'local', region: 'eu-central-1', memorySize: 256, timeout: 60 },
  functions: {
    web: { handler, role: 'Web', events: [{ httpApi: 'GET /items/{item}' }, { httpApi: 'POST /items' }] },
    worker: {
      handler,
      role: 'Worker',
      environment: { OWN: 'value' },
      events: [
        { sqs: { arn: arnOf('Work'), batchSize: 1, functionResponseType: 'ReportBatchItemFailures' } },
      ],
    },
    watcher: {
      handler,
      role: 'Watcher',
      destinations: toDead,
      events: [onUpload, { schedule: 'rate(1 hour)' }],
    },
    second: { handler, role: 'Second', destinations: toDead, events: [onUpload] },
  },
  resources: {
    Resources: {
      Files: {
        Type: 'AWS::S3::Bucket',
        Properties: {
          BucketName: 'files',
          NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
        },
      },
      Dead: queue('dead'),
      Work: queue('work', { RedrivePolicy: { deadLetterTargetArn: arnOf('Dead'), maxReceiveCount: 5 } }),
      Web: role('web', sendTo('Work')),
      Worker: role('worker', {
        Effect: 'Allow',
        Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
        Resource: arnOf('Work'),
      }),
      Watcher: role('watcher', sendTo('Dead')),
      Second: role('second', sendTo('Dead'), {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: 'arn:aws:s3:::files/*',
      }),
    },
  },
};

/**
 * A stack with one of everything: `web` answers HTTP, `worker` takes messages of the queue `work`, `watcher` and `second`
 * are invoked for objects below `in/` of the bucket `files`, `watcher` also by a schedule.
 */
export const smallStack = () => readStack(SERVICE, '000000000000');

/** As `smallStack`; what a function handled is in `<folder>/<function name>`, one script a line. */
export function recordingStack(folder: string) {
  const stack = smallStack();
  for (const { environment } of stack.functions) environment.RECORD_FOLDER = folder;
  return stack;
}
