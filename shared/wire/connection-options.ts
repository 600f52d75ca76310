import type { Command } from 'commander';

/** Adds the flags that say how to reach a merger. */
export function addConnectionOptions(
  command: Command,
  server: 'required' | 'optional' = 'required',
): Command {
  const flag = '--server <host:port>';
  const text = 'address of the merger';
  return (server === 'required' ? command.requiredOption(flag, text) : command.option(flag, text))
    .option('--ca <file>', "PEM file of the authority that signed the merger's certificate")
    .option('--cert <file>', "this agent's certificate, for mutual TLS")
    .option('--key <file>', 'private key of --cert')
    .option(
      '--server-name <name>',
      "name to expect in the merger's certificate, when it differs from the address",
    )
    .option('--plaintext', 'no TLS: only where the network itself is private');
}
