/** @file A round as people and scripts read it: the output of `agent info` and `merger status`. */
import { formatBytes } from '../text/amounts.ts';
import type { RoundInfo } from './get-round.ts';

/** The round as JSON: enum values as plain words, absent fields as null. */
export function roundJson(round: RoundInfo): Record<string, unknown> {
  const { training, statistics, merge } = round;
  return {
    name: round.name,
    state: plainWord(round.state),
    failure: round.failure === '' ? null : round.failure,
    task: round.task,
    labels: round.labels,
    headSeed: round.headSeed,
    quorum: round.quorum,
    deadline: formatDeadline(round) ?? null,
    base: round.base,
    training: trainingJson(training),
    statistics: withoutOneofKeys(statistics),
    merge: { ...withoutOneofKeys(merge), options: optionsOf(round) },
    agents: round.agents.map((agent) => ({ ...agent, state: plainWord(agent.state) })),
    fusedFiles: round.fusedFiles,
    agentModels: round.agentModels,
    scoring: scoringJson(round),
    refining: refiningJson(round),
  };
}

/** The round as a few lines of text. */
export function formatRound(round: RoundInfo): string {
  const failure = round.failure === '' ? '' : `: ${round.failure}`;
  const baseBytes = round.base.files.reduce((sum, file) => sum + file.size, 0);
  const lines = [
    `round     ${round.name}, ${plainWord(round.state)}${failure}`,
    `task      ${round.task}${round.labels.length === 0 ? '' : ` (${round.labels.join(', ')})`}`,
    `base      ${round.base.fingerprint.slice(0, 16)}, ${formatBytes(baseBytes)}`,
    ...(round.training?.lora ? [`training  adapters of rank ${round.training.lora.rank}`] : []),
    `merge     ${[round.merge?.method ?? '?', ...describeOptions(round)].join(', ')}`,
    `quorum    ${round.quorum} of ${round.agents.length}, deadline ${formatDeadline(round) ?? 'none'}`,
    ...round.agents.map((agent) => {
      const bytes =
        agent.bytesTotal === 0
          ? ''
          : `, ${formatBytes(agent.bytesReceived)} of ${formatBytes(agent.bytesTotal)}`;
      const answered = `${agent.hasScored ? ', has scored' : ''}${agent.hasRefined ? ', has answered' : ''}`;
      return `agent     ${agent.name}: ${plainWord(agent.state)}${bytes}${answered}`;
    }),
    ...(round.refining
      ? [
          `asked     agents, for ${round.refining.wanted} in the interim model, until ${timeOf(round.refining)}`,
        ]
      : []),
    ...(round.scoring?.candidates ?? []).map(({ name, title }) => `candidate ${name}: ${title}`),
  ];
  return lines.join('\n');
}

/** How agents train, their adapters' parts included. */
function trainingJson(training: RoundInfo['training']): Record<string, unknown> {
  const { lora, ...rest } = training ?? {};
  return { ...withoutOneofKeys(rest), ...(lora ? { lora: withoutOneofKeys(lora) } : {}) };
}

/** What agents score, and until when; null when they do not. */
function scoringJson({ scoring }: RoundInfo): Record<string, unknown> | null {
  if (!scoring) return null;
  const { set, candidates } = scoring;
  return { set, until: timeOf(scoring), candidates };
}

/** What agents are asked for again, and until when; null when they are not. */
function refiningJson({ refining }: RoundInfo): Record<string, unknown> | null {
  if (!refining) return null;
  const { wanted, files, agentModels } = refining;
  return { wanted, until: timeOf(refining), files, agentModels };
}

function timeOf({ deadlineUnixMs }: { readonly deadlineUnixMs: number }): string {
  return new Date(deadlineUnixMs).toISOString();
}

/** Values of the merge method's options; what is no JSON stays text. */
function optionsOf({ merge }: RoundInfo): Record<string, unknown> {
  const parsed = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries(Object.entries(merge?.options ?? {}).map(([key, text]) => [key, parsed(text)]));
}

function describeOptions(round: RoundInfo): string[] {
  const allowed = round.merge?.allowDifferent ?? [];
  return [
    ...Object.entries(optionsOf(round)).map(([key, value]) => `${key} ${value}`),
    ...((round.merge?.rounds ?? 1) > 1 ? [`in ${round.merge?.rounds} rounds`] : []),
    ...(round.merge?.ridgeHead === undefined ? [] : [`head fitted with ridge ${round.merge.ridgeHead}`]),
    ...(allowed.length === 0 ? [] : [`although agents may differ in ${allowed.join(', ')}`]),
  ];
}

function plainWord(value: string): string {
  return value.replace(/^(ROUND|CONTRIBUTION)_STATE_/, '').toLowerCase();
}

function formatDeadline({ deadlineUnixMs }: RoundInfo): string | undefined {
  return deadlineUnixMs === undefined ? undefined : new Date(deadlineUnixMs).toISOString();
}

/** Drops the bookkeeping keys (`_epochs: 'epochs'`) that stand for optional fields. */
function withoutOneofKeys(message: object | null): Record<string, unknown> {
  return Object.fromEntries(Object.entries(message ?? {}).filter(([key]) => !key.startsWith('_')));
}
