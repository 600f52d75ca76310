import type { ExperimentResults, Measurement } from '../../deploy/experiment/results.ts';

/** A measurement with the usual fields filled in. */
export function measurement(own: Partial<Measurement>): Measurement {
  return {
    ...{ seed: 1, setting: 'all', method: 'Simple', agents: ['north', 'south'], scores: {}, validation: {} },
    ...own,
  };
}

/**
 * Results of two agents over two seeds with round numbers: Simple, RegMean 0.9 and all baselines.
 */
export function exampleResults(changes: Partial<ExperimentResults> = {}): ExperimentResults {
  const measurements = [1, 2].flatMap((seed) => {
    const shift = seed === 1 ? 0 : 0.1;
    const at = (north: number, south: number, away: number) => ({
      north: north + shift,
      south: south + shift,
      away: away + shift,
    });
    return [
      measurement({
        ...{ seed, setting: 'single', method: 'single', agents: ['north'], scores: at(0.6, 0.4, 0.3) },
        validation: at(0.5, 0.4, 0.3),
      }),
      measurement({
        ...{ seed, setting: 'single', method: 'single', agents: ['south'], scores: at(0.3, 0.7, 0.5) },
        validation: at(0.4, 0.6, 0.3),
      }),
      measurement({ seed, method: 'Simple', scores: at(0.5, 0.5, 0.4) }),
      measurement({ seed, method: 'RegMean 0.9', scores: at(0.55, 0.57, 0.42) }),
      measurement({ seed, method: 'ensemble', scores: at(0.56, 0.6, 0.45) }),
    ];
  });
  const set = { task: 'text-classification', metric: 'accuracy', examples: 300 } as const;
  return {
    format: 'regmean-experiment/1',
    name: 'example',
    title: 'An example',
    description: 'Two agents.',
    tool: 'regmean/test',
    plannedSeeds: [1, 2],
    seeds: [1, 2],
    agents: ['north', 'south'],
    trainingExamples: { north: 100, south: 200 },
    testSets: [
      { ...set, name: 'north', owner: 'north', group: 'in-domain' },
      { ...set, name: 'south', owner: 'south', group: 'in-domain' },
      { ...set, name: 'away', owner: null, group: 'out-of-domain' },
    ],
    methods: ['Simple', 'RegMean 0.9'],
    settings: { training: 'epochs 1' },
    measurements,
    matchedLayers: [],
    ...changes,
  };
}
