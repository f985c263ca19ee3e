import { type Command, Option } from 'commander';
import { type OperatorFlags, operator, operatorCommand } from '../options.ts';
import { wholeNumber } from '../whole-number.ts';

interface Flags extends OperatorFlags {
  index: number;
  output: string;
}

/** `evidence <audit> <cell>` */
export function addEvidence(program: Command): void {
  operatorCommand(program, {
    name: 'evidence',
    summary: 'save what a model returned as bytes, also where it is quarantined',
    description:
      'Save one stored output of an audit from the backup, byte for byte, and compare its SHA-256 with the manifest. This is the way to quarantined outputs, which no page and no address shows. They are not valid images and may be made to harm the program that opens them: the file ends in .bin. Examine it on a machine that you can do without.',
    args: [
      ['<audit>', 'id of the audit'],
      ['<cell>', 'number of the cell; the page shows it in the large view', wholeNumber(0)],
    ],
    options: [
      new Option('--index <number>', 'which output of the prediction').argParser(wholeNumber(0)).default(0),
      new Option('-o, --output <folder>', 'folder for the file').default('.'),
    ],
    backup: true,
    example: 'npx weaudit evidence 06dn7w3qk2v4x8y0zr5t1m9abc 17 --stage prod',
  }).action(async (audit: string, cell: number, flags: Flags) => {
    const { saveEvidence } = await import('../operator/evidence.ts');
    const { cloud, output } = await operator(flags);
    const saved = await saveEvidence(cloud, audit, { n: cell, index: flags.index, folder: flags.output });
    output.document({ ...saved });
    output.print(`${saved.file}: ${saved.bytes} bytes, SHA-256 ${saved.sha256}, as the manifest names it.`);
    if (saved.status !== 'ok')
      output.print('It is not a valid image. Do not open it on a machine that you need.');
  });
}
