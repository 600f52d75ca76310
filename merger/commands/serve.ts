import { type Command, InvalidArgumentError } from 'commander';
import type { ServerSecurity } from '../../shared/wire/credentials.ts';

interface ServeFlags extends ServerSecurity {
  readonly recipe: string;
  readonly store: string;
  readonly listen: string;
  readonly exitWhenFinished?: boolean;
}

/** Adds `regmean merger serve`. */
export function registerMergerServeCommand(parent: Command): void {
  parent
    .command('serve')
    .description('hold one round open: take contributions, merge them, give the fused model back')
    .requiredOption('--recipe <file>', 'YAML recipe of the round')
    .requiredOption('--store <dir>', 'folder that keeps the round; a restart continues from it')
    .option(
      '--listen <host:port>',
      'address to listen on; port 0 takes a free one',
      parseListen,
      '0.0.0.0:7443',
    )
    .option('--tls-cert <file>', "the merger's certificate, PEM")
    .option('--tls-key <file>', 'private key of --tls-cert, PEM')
    .option('--client-ca <file>', "authority that signs the agents' certificates: turns on mutual TLS")
    .option('--plaintext', 'no TLS: only where the network itself is private')
    .option(
      '--exit-when-finished',
      'end when the round is merged (exit code 0) or has failed (1), and no agent has asked for anything for 10 seconds',
    )
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('../service/serve.ts');
      const { createLog } = await import('../service/log.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      await serve(flags, { context: commandContext(), log: createLog(process.stderr) });
    });
}

function parseListen(value: string): string {
  if (!/^.+:\d{1,5}$/.test(value)) throw new InvalidArgumentError('must be host:port');
  return value;
}
