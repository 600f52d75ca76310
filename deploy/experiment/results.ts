/**
 * @file `results.json` of an experiment: every measurement by itself, so that any table or plot can
 *   be made from it.
 */
import type { NumberOptionKey } from '../../merger/methods/merge-keys.ts';
import type { TaskKind } from '../../shared/task.ts';

/** Name of the file in an experiment's output folder. */
export const resultsFile = 'results.json';

/** Test set -> value of the metric that its task is judged by, as a fraction (0.53, not 53 %). */
export type Scores = Readonly<Record<string, number>>;

/**
 * What a measurement is part of:
 *
 * | setting | what was measured |
 * | --- | --- |
 * | single | one agent's model |
 * | multi-task | one model fine-tuned on the data of all agents: the upper bound |
 * | all, pairs | the merge, or the ensemble, of all agents or of two |
 * | greedy | agents added one by one, ordered by validation score; kept when the score rises (paper, Section 5.2) |
 * | agents | merges of the first 2, 3, ... agents |
 * | the key of a method's option | its values varied, all agents merged (paper, Figure 5 and Appendix C) |
 * | batches | Grams from less data, all agents merged (paper, Appendix C) |
 * | matching | two agents merged after matching the neurons of the second to the first (paper, Appendix D) |
 */
export type Setting = (typeof settings)[number] | NumberOptionKey | 'batches' | 'matching';

/** Those that an experiment file lists; the others follow from its `sweeps` and `matching`. */
export const settings = ['single', 'multi-task', 'all', 'pairs', 'greedy', 'agents'] as const;

/** The scores of one model. */
export interface Measurement {
  readonly seed: number;
  readonly setting: Setting;
  /**
   * `single`, `multi-task`, `ensemble`, or the label of a merge method as the experiment names it:
   * `RegMean 0.9`.
   */
  readonly method: string;
  /**
   * The agents whose models are in it, in the order of the experiment (in `greedy`: the order they
   * were kept in).
   */
  readonly agents: readonly string[];
  /**
   * In a sweep: the value of the option, or the number of batches; how many agents were tried
   * in `greedy`.
   */
  readonly knob?: number;
  /** In `greedy`: the agent that was tried in this step, and whether it was kept. */
  readonly tried?: { readonly agent: string; readonly kept: boolean };
  /** Of a row that chooses its method: what it chose, by its agents' validation data. */
  readonly chosen?: string;
  /** In `matching`: how neurons were matched; `none` for the merge without it. */
  readonly matching?: 'none' | 'weights' | 'activations';
  /**
   * On the test sets. A pair is only scored on the test sets of its two agents and out of domain.
   */
  readonly scores: Scores;
  /** On the validation data of the same test sets, where they have any. */
  readonly validation: Scores;
}

/** A test set of an experiment. */
export interface TestSetInfo {
  readonly name: string;
  readonly task: TaskKind;
  /** The metric of `scores`: accuracy, macroF1, spanF1, pearson, ... */
  readonly metric: string;
  /** The agent whose domain it is; null for a joint or an out-of-domain test set. */
  readonly owner: string | null;
  readonly group: 'in-domain' | 'out-of-domain';
  /** Rows per seed, the first seed's. */
  readonly examples: number;
}

/** One matched layer of one seed, for the heat maps. */
export interface MatchedLayer {
  readonly seed: number;
  readonly by: 'weights' | 'activations';
  readonly agents: readonly [string, string];
  /** The module whose outputs were matched. */
  readonly layer: string;
  /** Neurons of the layer. */
  readonly dimension: number;
  /** Share of neurons that the best assignment leaves where they are. */
  readonly fixedShare: number;
  /** Mean of the matrix on and off the diagonal. */
  readonly meanDiagonal: number;
  readonly meanOffDiagonal: number;
  /**
   * The first rows and columns of the matrix: distances (weights) or similarities (activations).
   */
  readonly corner: readonly (readonly number[])[];
}

/** Everything that an experiment measured. */
export interface ExperimentResults {
  readonly format: 'regmean-experiment/1';
  readonly name: string;
  readonly title: string;
  /** One paragraph: what is asked, on which data. */
  readonly description: string;
  readonly tool: string;
  /** The seeds that the experiment asks for; until all are in `seeds`, results are interim. */
  readonly plannedSeeds: readonly number[];
  /** The seeds that were measured. */
  readonly seeds: readonly number[];
  readonly agents: readonly string[];
  /** Agents' training examples, the first seed's. */
  readonly trainingExamples: Readonly<Record<string, number>>;
  readonly testSets: readonly TestSetInfo[];
  /** Labels of the merge methods, in the order of the experiment. */
  readonly methods: readonly string[];
  /** What is worth saying of how the numbers came to be: sizes, settings, the base model's name. */
  readonly settings: Readonly<Record<string, string>>;
  readonly measurements: readonly Measurement[];
  readonly matchedLayers: readonly MatchedLayer[];
}
