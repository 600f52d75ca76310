/** @file The round as it is told over the wire. */

import { gramFormOf } from '../../shared/contribution/gram-forms.ts';
import type { AgentModel } from '../../shared/wire/agent-models.ts';
import type { FolderFile } from '../../shared/wire/folder-files.ts';
import type { ContributionState } from '../../shared/wire/generated/regmean/v1/ContributionState.ts';
import type { MergePlan__Output } from '../../shared/wire/generated/regmean/v1/MergePlan.ts';
import type { Refining__Output } from '../../shared/wire/generated/regmean/v1/Refining.ts';
import type { RoundState as WireRoundState } from '../../shared/wire/generated/regmean/v1/RoundState.ts';
import type { Scoring__Output } from '../../shared/wire/generated/regmean/v1/Scoring.ts';
import type { StatisticsWanted__Output } from '../../shared/wire/generated/regmean/v1/StatisticsWanted.ts';
import type { TrainingHints__Output } from '../../shared/wire/generated/regmean/v1/TrainingHints.ts';
import type { RoundInfo } from '../../shared/wire/get-round.ts';
import { autoMethod } from '../auto/auto-options.ts';
import { candidatesOf, defaultCandidates } from '../auto/candidates.ts';
import { methodNamed } from '../methods/merge-keys.ts';
import type { MergeSection } from '../recipe/merge-section.ts';
import { deadlineOf, quorumOf, type Recipe } from '../recipe/recipe.ts';
import type { RoundStanding, RoundState } from '../round/round-state.ts';
import type { StoredRound } from '../round/round-store.ts';
import type { AgentView } from '../round/round-view.ts';
import type { CandidatesOnWire } from './candidates-on-wire.ts';

const wireStates = {
  open: 'ROUND_STATE_OPEN',
  merging: 'ROUND_STATE_MERGING',
  scoring: 'ROUND_STATE_SCORING',
  refining: 'ROUND_STATE_REFINING',
  merged: 'ROUND_STATE_MERGED',
  failed: 'ROUND_STATE_FAILED',
} as const satisfies Record<RoundState, WireRoundState>;

const wireContributionStates = {
  awaited: 'CONTRIBUTION_STATE_AWAITED',
  uploading: 'CONTRIBUTION_STATE_UPLOADING',
  validating: 'CONTRIBUTION_STATE_VALIDATING',
  accepted: 'CONTRIBUTION_STATE_ACCEPTED',
} as const satisfies Record<AgentView['state'], ContributionState>;

/** A merged model as it travels. */
export interface ModelOnWire {
  readonly files: readonly FolderFile[];
  /** Models of single agents, where heads are kept apart. */
  readonly agentModels: readonly AgentModel[];
}

/** What is told about a round. */
export interface RoundView {
  readonly round: StoredRound;
  readonly standing: RoundStanding;
  readonly agents: readonly AgentView[];
  /** Files of the fused model; empty until the round is merged. */
  readonly fusedFiles: readonly FolderFile[];
  /** Models of single agents, where heads are kept apart. */
  readonly agentModels: readonly AgentModel[];
  /** What agents score; only while they do. */
  readonly candidates?: CandidatesOnWire;
  /** The merge that agents are asked again about; only while they are. */
  readonly interim?: ModelOnWire;
}

/** A round as the wire tells it. */
export function roundMessage({
  round,
  standing,
  agents,
  fusedFiles,
  agentModels,
  candidates,
  interim,
}: RoundView): RoundInfo {
  const { recipe, base } = round;
  const deadline = deadlineOf(recipe);
  return {
    name: recipe.name,
    state: wireStates[standing.state],
    failure: standing.failure ?? '',
    task: recipe.task,
    labels: recipe.labels,
    headSeed: recipe.headSeed,
    quorum: quorumOf(recipe),
    ...(deadline === undefined ? {} : { deadlineUnixMs: deadline }),
    base: { fingerprint: base.fingerprint, files: [...base.files] },
    data: withoutUndefined(recipe.data),
    training: trainingMessage(recipe),
    statistics: statisticsMessage(recipe),
    merge: mergeMessage(recipe),
    agents: agents.map((agent) => ({ ...agent, state: wireContributionStates[agent.state] })),
    fusedFiles: [...fusedFiles],
    agentModels: agentModelsMessage(agentModels),
    ...(interim === undefined ? {} : { refining: refiningMessage(interim, standing) }),
    ...(candidates === undefined ? {} : { scoring: scoringMessage(candidates, standing) }),
  };
}

function statisticsMessage({ statistics }: Recipe): StatisticsWanted__Output {
  const { grams: _, rank: __, tokenGrams: ___, ...others } = statistics;
  const form = gramFormOf(statistics);
  return {
    ...withoutUndefined(others),
    grams: form !== undefined,
    ...(form === undefined ? {} : { gramForm: form }),
  };
}

function trainingMessage({ training: { lora, ...training } }: Recipe): TrainingHints__Output {
  return {
    ...withoutUndefined(training),
    ...(lora === undefined
      ? {}
      : { lora: { ...withoutUndefined({ ...lora, targets: lora.targets ?? [] }) } }),
  };
}

function scoringMessage(
  { set, candidates }: CandidatesOnWire,
  { until = 0 }: RoundStanding,
): Scoring__Output {
  return { set, candidates: [...candidates], deadlineUnixMs: until };
}

function refiningMessage(
  { files, agentModels }: ModelOnWire,
  { until = 0, wanted = 'grams' }: RoundStanding,
): Refining__Output {
  const models = agentModelsMessage(agentModels);
  return { wanted, files: [...files], agentModels: models, deadlineUnixMs: until };
}

function agentModelsMessage(models: readonly AgentModel[]): Refining__Output['agentModels'] {
  return models.map(({ agent, files }) => ({ agent, files: [...files] }));
}

/** Options of methods that have fields of their own, as the wire had them first. */
const fieldsOfOptions = ['alpha', 'ridge', 'gramScale', 'fisherSmoothing', 'fisherNormalize'] as const;

function mergeMessage({ merge }: Recipe): MergePlan__Output {
  const { method, coefficients, coefficientScale, heads, exclude, include, average, allowDifferent } = merge;
  const { scale, rounds, ridgeHead, settings } = planOf(merge);
  const fields = fieldsOfOptions.flatMap((key) =>
    settings[key] === undefined ? [] : [[key, settings[key]]],
  );
  return {
    ...{ method, coefficientScale, heads, gramScale: '', coefficients: coefficients ?? {} },
    ...{ exclude: [...exclude], include: [...include], average: [...average] },
    allowDifferent: [...allowDifferent],
    scale,
    rounds,
    ...(ridgeHead === undefined ? {} : { ridgeHead }),
    ...Object.fromEntries(fields),
    options: Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, JSON.stringify(value)])),
  };
}

/** What a method, or the choice of one, works with. */
function planOf(merge: MergeSection): {
  readonly scale: number;
  readonly rounds: number;
  readonly ridgeHead?: number | undefined;
  readonly settings: Readonly<Record<string, unknown>>;
} {
  if (merge.method !== autoMethod) {
    const { scale, rounds = 1, ridgeHead } = merge;
    return { scale, rounds, ridgeHead, settings: methodNamed(merge.method).prepare(merge).settings };
  }
  const { candidates = defaultCandidates, choose } = merge;
  // Each candidate has a scale of its own, which its name says.
  const names = candidatesOf(candidates, {}).map(({ name }) => name);
  return { scale: 1, rounds: 1, settings: { choose, candidates: names } };
}

/** protobufjs takes a key with the value undefined for a present one. */
function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
