import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { systemTime } from '../../lib/system.ts';
import { confirm } from '../confirm.ts';
import { EXIT, type ExitStatus } from '../exit.ts';
import { type OperatorFlags, operator, operatorCommand, yes } from '../options.ts';
import { count } from '../output.ts';
import { createProgress } from '../progress.ts';

interface SearchFlags extends OperatorFlags {
  stdin?: boolean;
  yes?: boolean;
}

const WHAT =
  'plans, results, summaries, bindings and manifests in both buckets, old versions too. It finds inputs whose name or schema marks them as secret, their values in other texts, the values of stored secrets, and with --stdin the values that it reads there. No value is shown.';

/** `secrets`, `secrets find [audits]`, `secrets redact [audits]` */
export function addSecrets(program: Command, end: (status: ExitStatus) => void): void {
  const secrets = operatorCommand(program, {
    name: 'secrets',
    summary: 'list the secrets that models get; find and remove keys in older audits',
    description:
      'List the secrets that operators stored for inputs of models, with what each is for. No value is shown. To store, replace or remove one: npx weaudit setup --secret, --remove-secret. Subcommands find and remove secrets that older audits hold.',
    example: 'npx weaudit secrets --stage prod\n  npx weaudit secrets find --stage prod',
  }).action(async (flags: OperatorFlags) => {
    const { describeSecrets, listSecrets } = await import('../operator/stored-secrets.ts');
    const { cloud, output } = await operator(flags);
    const stored = await listSecrets(cloud.images);
    output.document({ secrets: stored });
    output.print(describeSecrets(stored));
  });
  addFind(secrets, end);
  addRedact(secrets, end);
}

const AUDITS: [string, string] = ['[audits...]', 'ids of audits (default: all)'];
const stdin = () => new Option('--stdin', 'search for the values on standard input, too: one in each line');

const given = async ({ stdin }: SearchFlags): Promise<string[]> =>
  stdin
    ? (await text(process.stdin))
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
    : [];

const named = (audits: string[]) => (audits.length > 0 ? audits : undefined);

function addFind(secrets: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(secrets, {
    name: 'find',
    summary: 'find keys and passwords that audits hold',
    description: `Search ${WHAT} Changes nothing. Ends with status 5 if an audit holds any.`,
    args: [AUDITS],
    options: [stdin()],
    backup: true,
    example:
      'npx weaudit secrets find --stage prod\n  npx weaudit secrets find --stage prod --stdin < keys.txt',
  }).action(async (audits: string[], flags: SearchFlags) => {
    const { searchAudits } = await import('../operator/secret-search.ts');
    const { describeFound } = await import('../operator/secret-redaction.ts');
    const { cloud, output } = await operator(flags);
    const wanted = { audits: named(audits), given: await given(flags) };
    const progress = createProgress(output);
    const found: { audit: string; inputs: string[]; isOpen: boolean; records: object[] }[] = [];
    const lines: string[] = [];
    try {
      for await (const one of searchAudits(cloud, wanted, progress)) {
        lines.push(describeFound(one));
        found.push({
          ...{ audit: one.audit, inputs: one.inputs, isOpen: one.isOpen },
          records: one.holdings.map(({ store, key, versionId }) => ({
            bucket: store.bucket,
            key,
            versionId,
          })),
        });
      }
    } finally {
      progress.stop();
    }
    output.document({ audits: found });
    output.print(lines.length > 0 ? lines.join('\n') : 'No audit holds a secret that this can find.');
    if (found.length > 0) end(EXIT.incomplete);
  });
}

function addRedact(secrets: Command, end: (status: ExitStatus) => void): void {
  operatorCommand(secrets, {
    name: 'redact',
    summary: 'remove keys and passwords from audits',
    description: `Rewrite what holds secrets without them, and destroy the versions that held them. Searches ${WHAT} Audits that are not finished are left alone. redacted/<audit>.json records which records were rewritten. This cannot be undone. Interrupt it at any time; the same command continues.`,
    args: [AUDITS],
    options: [yes(), stdin()],
    backup: true,
    example: 'npx weaudit secrets redact 06dn7w3qk2v4x8y0zr5t1m9abc --stage prod',
  }).action(async (audits: string[], flags: SearchFlags) => {
    const { searchAudits } = await import('../operator/secret-search.ts');
    const { describeFound, describeRedacted, redactAudit } = await import('../operator/secret-redaction.ts');
    const { cloud, output } = await operator(flags);
    const wanted = { audits: named(audits), given: await given(flags) };
    const scope = audits.length > 0 ? count(audits.length, 'audit') : 'all audits';
    await confirm(
      `This rewrites the records of ${scope} that hold secrets, and destroys the versions that held them.`,
      'redact',
      flags.yes ?? false,
    );
    const progress = createProgress(output);
    const done: Awaited<ReturnType<typeof redactAudit>>[] = [];
    const open: string[] = [];
    const row = progress.row('redacted', 0);
    let versions = 0;
    const onVersions = (more: number) => {
      versions += more;
      row.update(versions);
    };
    try {
      for await (const found of searchAudits(cloud, wanted, progress)) {
        if (found.isOpen) open.push(describeFound(found));
        else done.push(await redactAudit(cloud, found, systemTime, onVersions));
      }
    } finally {
      progress.stop();
    }
    output.document({ audits: done, skipped: open.length });
    output.print(
      [...(done.length > 0 ? [describeRedacted(done)] : ['Nothing was changed.']), ...open].join('\n'),
    );
    if (open.length > 0 || done.some(({ kept }) => kept.length > 0)) end(EXIT.incomplete);
  });
}
