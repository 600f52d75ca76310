/** @file Finds what an experiment asks of its base in vain, before hours are spent on training. */
import { needsOf } from '../../merger/methods/merge-keys.ts';
import { statisticsAmong } from '../../merger/methods/needs.ts';
import { namedError, RegmeanError } from '../../shared/errors.ts';
import { byEngine, type OpenModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import type { AgentData } from '../datasets/experiment-data.ts';
import { fixedMethods } from './automatic.ts';
import type { Experiment } from './experiment-file.ts';
import { unionOf } from './fine-tune.ts';

/**
 * Checks that agents can be fine-tuned from the base for their classes, together too, and that it
 * has the statistics that the methods need and neurons to match.
 *
 * @throws RegmeanError `usage` or `unsupported`, naming the key of the experiment file
 */
export async function checkBase(
  path: string,
  experiment: Experiment,
  agents: readonly AgentData[],
): Promise<void> {
  const { settings, matching } = experiment;
  const names = agents.map(({ name }) => name);
  const stranger = matching?.agents.find((name) => !names.includes(name));
  if (stranger !== undefined) {
    throw new RegmeanError('usage', `matching.agents: must be among ${names.join(', ')}, got ${stranger}`);
  }
  const trained = settings.includes('multi-task') ? [...agents, unionOf(agents)] : agents;
  await withModel(path, async (base) => {
    byEngine(base, {
      graph: () => {},
      layers: ({ kinds }) => {
        const complain = (what: string): never => {
          throw new RegmeanError('unsupported', `${path}: ${kinds} have no ${what}`);
        };
        for (const own of fixedMethods(experiment)) {
          const lacking = statisticsAmong(needsOf(own)).find(({ need }) => need !== 'grams');
          if (lacking !== undefined) complain(`${lacking.called}, which ${own.label} of methods needs`);
        }
        if (matching !== undefined) complain('neurons that can be matched: leave matching out');
      },
    });
    for (const agent of trained) await requireOutputs(base, agent);
  });
}

/** Refuses classes that a network with a fixed head has no outputs for. */
async function requireOutputs(base: OpenModel, { name, task, labels }: AgentData): Promise<void> {
  try {
    await base.requireOutputs(task, labels);
  } catch (error) {
    throw namedError(name, error);
  }
}
