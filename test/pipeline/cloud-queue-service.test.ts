import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { credentialsOf, scriptedFunctions, withCloud } from '../support/cloud.ts';

const local = withCloud(scriptedFunctions);
const clients: { destroy(): void }[] = [];
afterAll(() => {
  for (const client of clients) client.destroy();
});

const configuration = (functionKey?: string) => ({
  endpoint: local.cloud.endpoints.aws,
  region: 'eu-central-1',
  credentials: credentialsOf(local.cloud, functionKey),
  maxAttempts: 1,
});
function sqs(functionKey?: string) {
  const client = new SQSClient(configuration(functionKey));
  clients.push(client);
  return client;
}
function ssm(functionKey?: string) {
  const client = new SSMClient(configuration(functionKey));
  clients.push(client);
  return client;
}
const url = (name: string) => `${local.cloud.endpoints.aws}/000000000000/weaudit-local-${name}`;

describe('SQS through the AWS SDK', () => {
  test('a message is sent, received with its attributes, and deleted', async () => {
    const client = sqs();
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: 'weaudit-local-tag-dead' }));
    expect(QueueUrl).toBe(url('tag-dead'));
    await client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'hällo',
        MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
      }),
    );
    const { Messages } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
    );
    expect(Messages).toMatchObject([
      {
        Body: 'hällo',
        Attributes: { ApproximateReceiveCount: '1' },
        MessageAttributes: { a: { StringValue: 'b' } },
      },
    ]);
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages?.[0]?.ReceiptHandle }));
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    expect(Attributes).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
      QueueArn: 'arn:aws:sqs:eu-central-1:000000000000:weaudit-local-tag-dead',
    });
  });

  test('a batch fails entry by entry, and delayed messages count as delayed', async () => {
    const answer = await sqs().send(
      new SendMessageBatchCommand({
        QueueUrl: url('backup-dead'),
        Entries: [
          { Id: 'good', MessageBody: 'x', DelaySeconds: 900 },
          { Id: 'bad', MessageBody: 'x', DelaySeconds: 901 },
        ],
      }),
    );
    expect(answer.Successful).toMatchObject([{ Id: 'good' }]);
    expect(answer.Failed).toMatchObject([{ Id: 'bad', SenderFault: true }]);
    expect(local.cloud.queues.counts('weaudit-local-backup-dead')).toEqual({
      visible: 0,
      inFlight: 0,
      delayed: 1,
    });
  });

  test('a queue that does not exist has SQS’s error', async () => {
    const sent = sqs().send(new SendMessageCommand({ QueueUrl: url('nowhere'), MessageBody: 'x' }));
    await expect(sent).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
  });

  test('a function may send only where its role allows', async () => {
    await sqs('api').send(new SendMessageCommand({ QueueUrl: url('cells'), MessageBody: 'x' }));
    const sent = sqs('metrics').send(new SendMessageCommand({ QueueUrl: url('cells'), MessageBody: 'x' }));
    await expect(sent).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test.each([
    [{ accessKeyId: 'local', secretAccessKey: 'wrong' }, 'InvalidSignatureException'],
    [{ accessKeyId: 'nobody', secretAccessKey: 'local' }, 'UnrecognizedClientException'],
  ])('the signature is checked (%j)', async (credentials, name) => {
    const client = new SQSClient({ ...configuration(), credentials });
    clients.push(client);
    await expect(
      client.send(new SendMessageCommand({ QueueUrl: url('cells'), MessageBody: 'x' })),
    ).rejects.toMatchObject({ name });
  });
});

describe('SSM through the AWS SDK', () => {
  test('the API token "local" is known by its hash, and only the api may read it', async () => {
    const Name = '/weaudit/local/api-tokens';
    const { Parameter } = await ssm('api').send(new GetParameterCommand({ Name, WithDecryption: true }));
    expect(JSON.parse(Parameter?.Value ?? '')).toMatchObject([
      {
        name: 'local',
        scope: 'audit',
        sha256: '25bf8e1a2393f1108d37029b3df5593236c755742ec93465bbafa9b290bddcf6',
      },
      { name: 'local-read', scope: 'read' },
    ]);
    await expect(ssm('webhook').send(new GetParameterCommand({ Name }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  test('a parameter is replaced only when that is asked for, and outlives a restart', async () => {
    const Name = '/weaudit/local/test';
    await ssm().send(new PutParameterCommand({ Name, Value: 'one', Type: 'String' }));
    const again = ssm().send(new PutParameterCommand({ Name, Value: 'two' }));
    await expect(again).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });
    await ssm().send(new PutParameterCommand({ Name, Value: 'two', Overwrite: true }));
    await local.restart();
    const { Parameter } = await ssm().send(new GetParameterCommand({ Name }));
    expect(Parameter).toMatchObject({ Value: 'two', Version: 2 });
  });

  test('a missing parameter has SSM’s error', async () => {
    await expect(ssm().send(new GetParameterCommand({ Name: '/none' }))).rejects.toMatchObject({
      name: 'ParameterNotFound',
    });
  });
});
