/** @file Finds what is wrong with an experiment's data before hours are spent on training. */
import { RegmeanError } from '../../shared/errors.ts';
import type { ExperimentData } from '../datasets/experiment-data.ts';
import type { ExperimentScorer } from './score.ts';

/**
 * Reads every file of every agent and test set as training and scoring will: its columns, its
 * classes, its texts with the base's tokenizer.
 *
 * @throws RegmeanError with everything that is wrong, each with its domain
 */
export async function checkData(
  scorer: Pick<ExperimentScorer, 'examplesOf'>,
  { agents, testSets }: ExperimentData,
): Promise<void> {
  const problems: { readonly where: string; readonly error: RegmeanError }[] = [];
  const check = async (where: string, read: () => Promise<unknown>): Promise<void> => {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof RegmeanError)) throw error;
      problems.push({ where, error });
    }
  };
  for (const { train, ...agent } of agents) {
    const { name, dev } = agent;
    const data = { ...agent, owner: name, group: 'in-domain', test: train } as const;
    await check(`${name}, train`, () => scorer.examplesOf({ testSet: data, part: 'test' }));
    if (dev.length > 0) await check(`${name}, dev`, () => scorer.examplesOf({ testSet: data, part: 'dev' }));
  }
  for (const testSet of testSets) {
    await check(`${testSet.name}, test`, () => scorer.examplesOf({ testSet, part: 'test' }));
    if (testSet.owner !== null || testSet.dev.length === 0) continue;
    await check(`${testSet.name}, dev`, () => scorer.examplesOf({ testSet, part: 'dev' }));
  }
  const [first, ...others] = problems;
  if (first === undefined) return;
  const list = problems.map(({ where, error }) => `${where}: ${error.message}`).join('\n  ');
  throw new RegmeanError(first.error.code, `data: every file must be readable for its task:\n  ${list}`, {
    cause: first.error,
    ...(others.length === 0 && first.error.hint !== undefined ? { hint: first.error.hint } : {}),
  });
}
