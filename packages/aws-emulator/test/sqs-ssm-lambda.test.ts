import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  DeleteParameterCommand,
  GetParameterCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { waitFor } from '../../../test/support/wait-for.ts';
import { withEmulator } from './emulator.ts';

const local = withEmulator();
const clients: { destroy(): void }[] = [];
afterAll(() => {
  for (const client of clients) client.destroy();
});
function connect<T extends { destroy(): void }>(
  Client: new (config: ReturnType<typeof local.client>) => T,
  functionKey?: string,
): T {
  const client = new Client(local.client(functionKey));
  clients.push(client);
  return client;
}
const url = (name: string) => `${local.running.aws}/000000000000/${name}`;
const message = { QueueUrl: 'work', MessageBody: 'x' };

describe('SQS through the AWS SDK', () => {
  test('a message is sent, received with its attributes, and deleted', async () => {
    const client = connect(SQSClient);
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: 'dead' }));
    expect(QueueUrl).toBe(url('dead'));
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
      QueueArn: 'arn:aws:sqs:eu-central-1:000000000000:dead',
    });
  });

  test('a batch fails entry by entry, and delayed messages count as delayed', async () => {
    const answer = await connect(SQSClient).send(
      new SendMessageBatchCommand({
        QueueUrl: url('dead'),
        Entries: [
          { Id: 'good', MessageBody: 'x', DelaySeconds: 900 },
          { Id: 'bad', MessageBody: 'x', DelaySeconds: 901 },
        ],
      }),
    );
    expect(answer.Successful).toMatchObject([{ Id: 'good' }]);
    expect(answer.Failed).toMatchObject([{ Id: 'bad', SenderFault: true }]);
    expect(local.running.queues.counts('dead')).toEqual({ visible: 0, inFlight: 0, delayed: 1 });
  });

  test('a queue that does not exist has SQS’s error, and the queues of events are not shown', async () => {
    const client = connect(SQSClient);
    for (const name of ['nowhere', 'events/watcher']) {
      const sent = client.send(new SendMessageCommand({ ...message, QueueUrl: url(name) }));
      await expect(sent).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
    }
    const { QueueUrls } = await client.send(new ListQueuesCommand({}));
    expect(QueueUrls).toEqual([url('dead'), url('work')]);
  });

  test('a function may send only where its role allows', async () => {
    await connect(SQSClient, 'web').send(new SendMessageCommand({ ...message, QueueUrl: url('work') }));
    const sent = connect(SQSClient, 'second').send(
      new SendMessageCommand({ ...message, QueueUrl: url('work') }),
    );
    await expect(sent).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('SSM through the AWS SDK', () => {
  test('a parameter is replaced only when that is requested, and outlives a restart', async () => {
    const Name = '/demo/test';
    await connect(SSMClient).send(new PutParameterCommand({ Name, Value: 'one', Type: 'String' }));
    const again = connect(SSMClient).send(new PutParameterCommand({ Name, Value: 'two' }));
    await expect(again).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });
    await connect(SSMClient).send(new PutParameterCommand({ Name, Value: 'two', Overwrite: true }));
    await local.restart();
    const { Parameter } = await connect(SSMClient).send(new GetParameterCommand({ Name }));
    expect(Parameter).toMatchObject({ Value: 'two', Version: 2 });
  });

  test('a missing parameter has SSM’s error, and a role reads only what it is allowed to', async () => {
    const read = (functionKey?: string) =>
      connect(SSMClient, functionKey).send(new GetParameterCommand({ Name: '/none' }));
    await expect(read()).rejects.toMatchObject({ name: 'ParameterNotFound' });
    await expect(read('web')).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test('a deleted parameter is gone, also after a restart', async () => {
    const Name = '/demo/secrets/gone';
    await connect(SSMClient).send(new PutParameterCommand({ Name, Value: 'one', Type: 'SecureString' }));
    await connect(SSMClient).send(new DeleteParameterCommand({ Name }));
    await local.restart();
    const { rejects } = expect(connect(SSMClient).send(new GetParameterCommand({ Name })));
    await rejects.toMatchObject({ name: 'ParameterNotFound' });
    const again = connect(SSMClient).send(new DeleteParameterCommand({ Name }));
    await expect(again).rejects.toMatchObject({ name: 'ParameterNotFound' });
    const denied = connect(SSMClient, 'web').send(new DeleteParameterCommand({ Name }));
    await expect(denied).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

test('Lambda invokes a function asynchronously, for those who may', async () => {
  const invoke = (functionKey?: string) =>
    connect(LambdaClient, functionKey).send(
      new InvokeCommand({
        FunctionName: 'demo-local-web',
        InvocationType: 'Event',
        Payload: JSON.stringify({ script: 'invoked' }),
      }),
    );
  expect((await invoke()).StatusCode).toBe(202);
  await waitFor('it runs', () => local.logged('web').some(({ script }) => script === 'invoked'));
  await expect(invoke('second')).rejects.toMatchObject({ name: 'AccessDeniedException' });
});

test('a service that the emulator does not have is named in the answer', async () => {
  const answer = await fetch(local.running.aws, {
    method: 'POST',
    headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables' },
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    message: expect.stringContaining('DynamoDB_20120810.ListTables'),
  });
});
