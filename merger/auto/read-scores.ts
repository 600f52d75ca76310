/**
 * @file Scores of candidates as agents send them to the developer by hand: `regmean evaluate
 *   --json`.
 */
import { basename } from 'node:path';
import { candidateScores } from '../../shared/candidates/candidate-scores.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { readJson } from '../../shared/files/read-json.ts';
import { z } from '../../shared/zod.ts';

/** What `regmean evaluate --json` says of a model; more than is read here is let pass. */
const evaluatedSchema = z
  .array(
    z.object({
      model: z.string(),
      data: z.string(),
      examples: z.number(),
      main: z.string(),
      metrics: z.record(z.string(), z.number().nullable()),
      candidate: z.object({ name: z.string(), set: z.string() }).optional(),
      agent: z.string().optional(),
    }),
  )
  .max(10_000);

/** What one agent says; nothing of it is checked against the candidates. */
export interface ReceivedScores {
  readonly agent: string;
  /** To be checked by `acceptScores`. */
  readonly message: unknown;
}

/**
 * Reads files of scores. The agent is the one that a file names, the one before its path
 * (`north=scores/1.json`), or the name of the file without its ending.
 *
 * @param agents whose contributions are merged
 * @throws RegmeanError `usage` for an agent that is none of them, or for two files of one
 */
export async function readScoreFiles(
  files: readonly string[],
  agents: readonly string[],
): Promise<readonly ReceivedScores[]> {
  const received: ReceivedScores[] = [];
  for (const file of files) {
    const { named, path } = splitName(file, agents);
    const evaluated = await readJson(path, evaluatedSchema);
    const agent = named ?? evaluated.find((own) => own.agent !== undefined)?.agent ?? stemOf(path);
    if (!agents.includes(agent)) {
      throw new RegmeanError('usage', `${path}: must be scores of ${agents.join(', ')}, got ${agent}`, {
        hint: `say whose they are: --scores ${agents[0]}=${path}`,
      });
    }
    if (received.some((own) => own.agent === agent)) {
      throw new RegmeanError('usage', `${path}: must be one file of scores per agent, ${agent} has several`);
    }
    received.push({ agent, message: candidateScores(path, evaluated) });
  }
  return received;
}

function splitName(
  file: string,
  agents: readonly string[],
): { readonly named: string | undefined; readonly path: string } {
  const named = agents.find((agent) => file.startsWith(`${agent}=`));
  return { named, path: named === undefined ? file : file.slice(named.length + 1) };
}

function stemOf(path: string): string {
  return basename(path).replace(/\.[^.]*$/, '');
}
