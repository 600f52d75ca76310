import type { TaskKind } from '../../shared/task.ts';
import { z } from '../../shared/zod.ts';
import type { DemoPaths } from './demo-folder.ts';
import type { Processes } from './processes.ts';
import type { ModelScores, Results } from './results.ts';

/** The scoring's name in front of its messages. */
export const scoringLabel = 'scoring';

const scoresSchema = z.array(
  z.object({
    model: z.string(),
    data: z.string(),
    main: z.string(),
    metrics: z.record(z.string(), z.number()),
  }),
);

/** A merged model to score. */
export interface MergedModel {
  readonly label: string;
  readonly directory: string;
}

/**
 * Scores each agent's own model, their ensemble, and merged models, on every test set.
 *
 * @param own folder of every agent's own fine-tuned model, in the order of the agents
 * @throws RegmeanError when a process fails
 */
export async function scoreDemo(
  processes: Processes,
  paths: DemoPaths,
  task: TaskKind,
  own: readonly { readonly agent: string; readonly model: string }[],
  merged: readonly MergedModel[],
): Promise<Results> {
  const tests = new Map<string, string>([
    ...paths.agents.map(({ domain, data }) => [data.test, domain] as const),
    ...paths.outOfDomain.map(({ domain, test }) => [test, domain] as const),
  ]);
  const evaluate = async (
    models: readonly string[],
    ...flags: string[]
  ): Promise<Map<string, Map<string, number>>> => {
    const files = [...tests.keys()];
    const command = [
      'evaluate',
      '--model',
      ...models,
      '--task',
      task,
      '--data',
      ...files,
      '--json',
      ...flags,
    ];
    const scores = scoresSchema.parse(JSON.parse(await processes.start(scoringLabel, command).done));
    const byModel = new Map<string, Map<string, number>>();
    for (const { model, data, main, metrics } of scores) {
      const ofModel = byModel.get(model) ?? new Map<string, number>();
      ofModel.set(tests.get(data) ?? data, metrics[main] ?? Number.NaN);
      byModel.set(model, ofModel);
    }
    return byModel;
  };
  const singles = await evaluate(
    own.map(({ model }) => model),
    '--ensemble',
  );
  const combined = await evaluate(merged.map(({ directory }) => directory));
  const scoresOf = (label: string, scores: ReadonlyMap<string, number> | undefined): ModelScores => ({
    label,
    scores: scores ?? new Map(),
  });
  return {
    domains: paths.agents.map(({ domain }) => domain),
    outOfDomain: paths.outOfDomain.map(({ domain }) => domain),
    singles: own.map(({ agent, model }) => scoresOf(agent, singles.get(model))),
    combined: [
      ...merged.map(({ label, directory }) => scoresOf(label, combined.get(directory))),
      scoresOf(`ensemble of the ${own.length} models`, singles.get('ensemble')),
    ],
  };
}
