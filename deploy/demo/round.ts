import { availableParallelism } from 'node:os';
import { z } from '../../shared/zod.ts';
import type { AgentPaths, DemoPaths } from './demo-folder.ts';
import type { Processes } from './processes.ts';

/** The merger's name in front of its messages. */
export const mergerLabel = 'merger';

const takePartSchema = z.object({
  model: z.string(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  seconds: z.object({
    base: z.number(),
    training: z.number(),
    statistics: z.number(),
    upload: z.number(),
    wait: z.number(),
    scoring: z.number(),
    fused: z.number(),
  }),
});

/**
 * What `agent run` says of itself: folder of its own model, bytes, and wall-clock seconds per
 * stage.
 */
export type AgentReport = z.infer<typeof takePartSchema> & { readonly agent: string };

/** What came of a round. */
export interface RoundReport {
  /** In the order of the agents. */
  readonly agents: readonly AgentReport[];
  /** The merges by all candidates. */
  readonly mergeSeconds: number;
  /** From the last merge until the agents' scores have chosen one. */
  readonly choiceSeconds: number;
  /** From the start of the merger to the last agent's end. */
  readonly seconds: number;
}

/**
 * Holds one round: a merger process, then every agent's process at the same time, until each has
 * the fused model. The agents share the machine's cores; on their own machines each would have all
 * of them.
 *
 * @throws RegmeanError when one of the processes fails
 */
export async function runRound(processes: Processes, paths: DemoPaths): Promise<RoundReport> {
  const began = performance.now();
  const merger = processes.start(mergerLabel, serveArguments(paths));
  const address = (await merger.lineMatching(/ listening address=(\S+)/))[1] ?? '';
  const threads = Math.max(1, Math.floor(availableParallelism() / paths.agents.length));
  const moment = (state: string): Promise<number> =>
    merger.lineMatching(new RegExp(` state state=${state}`)).then(() => performance.now());
  const moments = Promise.all([moment('merging'), moment('scoring'), moment('merged')]);
  const agents = Promise.all(
    paths.agents.map(async (agent) => {
      const output = await processes.start(agent.domain, runArguments(paths, agent, address, threads)).done;
      return { agent: agent.domain, ...takePartSchema.parse(JSON.parse(output)) };
    }),
  );
  // The merger ends by itself only when it fails; the moments are then never reached, and nobody
  // waits for the agents.
  const [reports, [merging, scoring, merged]] = await Promise.all([agents, moments]);
  const seconds = (performance.now() - began) / 1000;
  await merger.stop();
  return {
    agents: reports,
    mergeSeconds: (scoring - merging) / 1000,
    choiceSeconds: (merged - scoring) / 1000,
    seconds,
  };
}

function serveArguments(paths: DemoPaths): string[] {
  return [
    ...['merger', 'serve', '--recipe', paths.recipe, '--store', paths.store, '--listen', '127.0.0.1:0'],
    ...['--tls-cert', paths.mergerCertificate, '--tls-key', paths.mergerPrivateKey],
    ...['--client-ca', paths.authority],
  ];
}

function runArguments(paths: DemoPaths, agent: AgentPaths, address: string, threads: number): string[] {
  return [
    ...['agent', 'run', '--name', agent.domain, '--server', address, '--server-name', 'localhost'],
    ...['--ca', paths.authority, '--cert', agent.certificate, '--key', agent.privateKey],
    ...['--train', agent.data.train, '--dev', agent.data.dev, '--work', agent.work, '--out', agent.fused],
    ...['--threads', String(threads), '--json'],
  ];
}
