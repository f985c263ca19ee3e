import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';

export interface StartOptions {
  portApi: number;
  portAws: number;
  portReplicate: number;
  data: string;
  fresh: boolean;
  replicate: 'simulated' | 'real';
  maxPredictions: number;
  /** Typical duration of a simulated prediction, in seconds. */
  seconds: number;
  publicUrl: string | undefined;
  yes: boolean;
  /** Undefined: only on a first start in a terminal. */
  demo: boolean | undefined;
}

function number(lowest: number, highest: number, whole: boolean) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= lowest && value <= highest) || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(
        `It must be a ${whole ? 'whole ' : ''}number from ${lowest} to ${highest}.`,
      );
    }
    return value;
  };
}

function httpsOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search !== '') {
    throw new InvalidArgumentError(
      'It must be an https address without a path, such as https://example.trycloudflare.com.',
    );
  }
  return url.origin;
}

const EXAMPLES = `
Examples:
  npm start                                             the whole pipeline, with a stand-in for Replicate
  npm start -- --fresh                                  delete the data of earlier starts first
  npm start -- --port-api 8080 --data ~/weaudit         another port, another folder
  npm start -- --seconds 0.2                            simulated predictions in a fifth of a second
  REPLICATE_API_TOKEN=r8_… npm start -- --replicate=real --max-predictions 8
                                                        at most eight real pictures, which cost money
`;

/**
 * Reads the command line of `npm start`.
 * @throws CommanderError after it has printed the help or the mistake; exit with its `exitCode`
 */
export function parseStartOptions(args: readonly string[]): StartOptions {
  const port = number(0, 65_535, true);
  const command = new Command('npm start --')
    .description(
      'Runs the whole pipeline on this machine: S3, queue, events, functions, API, and a stand-in for Replicate.',
    )
    .option('--port-api <number>', 'port of API, page and webhooks', port, 3000)
    .option('--port-aws <number>', 'port of S3, SQS and SSM', port, 4566)
    .option('--port-replicate <number>', 'port of the stand-in for Replicate', port, 3001)
    .option(
      '--data <folder>',
      'folder for data and logs (default: .local, or .local/real with --replicate=real)',
    )
    .option('--fresh', 'delete the data of earlier starts first', false)
    .addOption(
      new Option('--replicate <which>', 'real uses replicate.com, which costs money')
        .choices(['simulated', 'real'])
        .default('simulated'),
    )
    .option(
      '--max-predictions <number>',
      'most predictions to request from the real Replicate',
      number(1, 100_000, true),
      20,
    )
    .option('--seconds <number>', 'typical duration of a simulated prediction', number(0, 3600, false), 2)
    .option(
      '--public-url <url>',
      'address at which the real Replicate reaches this API, such as a tunnel',
      httpsOrigin,
    )
    .option('--yes', 'confirm spending without being asked', false)
    .option('--demo', 'run a small demo audit (default: on the first start in a terminal)')
    .option('--no-demo', 'do not run it')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('"npm start -- --help" lists the options.')
    .exitOverride()
    .parse(args, { from: 'user' });
  const options = command.opts<Omit<StartOptions, 'data'> & { data?: string }>();
  const standard = options.replicate === 'real' ? path.join('.local', 'real') : '.local';
  return {
    ...options,
    demo: options.demo,
    publicUrl: options.publicUrl,
    data: path.resolve(options.data ?? standard),
  };
}
