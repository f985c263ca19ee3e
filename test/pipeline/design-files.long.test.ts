import { expect, test } from '@jest/globals';
import { withCloud } from '../support/cloud.ts';
import { commandLine } from '../support/command.ts';

/** Files from the command line to Replicate, byte by byte. */

const cloud = withCloud({ predictionSeconds: 0.1 });
const weaudit = commandLine(cloud);

/** What Replicate was asked for by an audit: model and prompt, as bytes in hexadecimal digits, sorted. */
const requestedBy = (audit: string) =>
  cloud.cloud
    .standIn!.log()
    .flatMap((entry) =>
      entry.kind === 'create' && entry.webhook?.includes(`/${audit}/`)
        ? [`${entry.model} ${Buffer.from(String(entry.input.prompt)).toString('hex')}`]
        : [],
    )
    .sort();

const lines = (...requests: [model: string, ...prompt: (string | number)[]][]) =>
  requests
    .map(([model, ...parts]) => {
      const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part])));
      return `${model} ${Buffer.concat(bytes).toString('hex')}`;
    })
    .sort();

test('what Replicate is asked for is the file to the byte, and each row goes to its own model', async () => {
  const table = [
    '\ufeffPrompt;group;model',
    'für eine Ärztin;f;simulated/flash',
    '"a ""smiling"" doctor,\nsitting";m;simulated/portrait',
    '👩🏽‍⚕️ at work   ;f;simulated/flash',
    'صورة لطبيبة;f;simulated/portrait',
    'für eine Ärztin;f;simulated/flash',
    '',
  ].join('\r\n');
  const { status, document } = await weaudit.json(['run', weaudit.file('table.csv', table)]);
  expect(document).toMatchObject({ predictions: 4, state: 'finished' });
  expect(document.notes).toEqual([
    'Spaces around the text of 1 row were trimmed (row 4).',
    '1 row repeated an earlier one and was merged (row 6 is row 2).',
  ]);
  expect(status).toBe(0);
  expect(requestedBy(document.id)).toEqual(
    lines(
      ['simulated/flash', 'f', 0xc3, 0xbc, 'r eine ', 0xc3, 0x84, 'rztin'],
      ['simulated/portrait', 'a "smiling" doctor,', 0x0a, 'sitting'],
      ['simulated/flash', '👩🏽‍⚕️ at work'],
      ['simulated/portrait', 'صورة لطبيبة'],
    ),
  );
});

test('a file in Windows-1252 requests nothing until its encoding is passed, and then arrives as UTF-8', async () => {
  const file = weaudit.file(
    'old.csv',
    Buffer.from('prompt\r\neine \xc4rztin \x93im Dienst\x94\r\n', 'latin1'),
  );
  const before = cloud.cloud.standIn!.log().length;
  const refused = await weaudit.run(['run', file, '--model', 'simulated/flash']);
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toMatch(
    /line 2, column 6 .*Windows-1252 \("Ärztin"\)\. Pass --encoding windows-1252/,
  );
  expect(cloud.cloud.standIn!.log()).toHaveLength(before);
  const read = await weaudit.json(['run', file, '--model', 'simulated/flash', '--encoding', 'windows-1252']);
  expect(requestedBy(read.document.id)).toEqual(
    lines([
      'simulated/flash',
      'eine ',
      0xc3,
      0x84,
      'rztin ',
      0xe2,
      0x80,
      0x9c,
      'im Dienst',
      0xe2,
      0x80,
      0x9d,
    ]),
  );
});

test('a dry run shows the plan and starts nothing', async () => {
  const before = cloud.cloud.standIn!.log().length;
  const rows = 'prompt\tgroup\tshare\na nurse \tf\t0.87\na doctor\tm\t0.38\na nurse\tf\t0.87\n';
  const args = [
    'run',
    weaudit.file('dry.tsv', rows),
    '--model',
    'simulated/flash',
    '--samples',
    '5',
    '--dry-run',
  ];
  const { document } = await weaudit.json([...args, '--reference', 'share']);
  expect(document).toMatchObject({
    ...{ predictions: 10, prompts: 2, samples: 5, reference: 'share' },
    factors: [
      {
        name: 'group',
        values: [
          { value: 'f', prompts: 1 },
          { value: 'm', prompts: 1 },
        ],
      },
      { name: 'share', reference: true },
    ],
    notes: [expect.stringContaining('trimmed (row 2)'), expect.stringContaining('row 4 is row 2')],
    first: [{ text: 'a nurse', factors: { group: 'f', share: '0.87' } }, { text: 'a doctor' }],
  });
  const { stdout } = await weaudit.run(args);
  expect(stdout).toMatch(/2 prompts × 1 model × 5 samples = 10 predictions/);
  expect(stdout).toMatch(/"a nurse"/);
  expect(cloud.cloud.standIn!.log()).toHaveLength(before);
});
