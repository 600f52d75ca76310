import type { ChoiceReport } from '../../merger/merge/merge-report.ts';
import { howChosen } from '../../merger/merge/model-card.ts';
import { formatBytes, formatDuration } from '../../shared/text/amounts.ts';
import type { DemoPlan } from './plan.ts';
import { resultsTable } from './results.ts';
import type { AgentReport } from './round.ts';
import type { DemoReport } from './run-demo.ts';
import { formatTable, type TextTable } from './table.ts';

/**
 * A report for people: the scores, what travelled and how long everything took, and how to use the
 * fused model.
 *
 * @param color whether the terminal shows bold
 */
export function describeReport(report: DemoReport, plan: DemoPlan, color: boolean): string {
  const { results, round, choice, paths, task, scoringSeconds } = report;
  const fused = paths.agents[0]?.fused ?? '';
  const unseen = results.outOfDomain.length > 0 ? `; unseen: ${results.outOfDomain.join(', ')}` : '';
  return [
    `${plan.measure} in percent on ${plan.sizes.test} test rows per domain${unseen}`,
    '',
    ...formatTable(resultsTable(results), color),
    '',
    `${howChosen(choice)} Here ${plan.measure} in percent on ${plan.sizes.dev} rows of each:`,
    '',
    ...formatTable(choiceTable(choice), color),
    '',
    ...formatTable(agentsTable(round.agents), color),
    '',
    `round ${formatDuration(round.seconds)}, of which merging in ${choice.candidates.length} ways ` +
      `${formatDuration(round.mergeSeconds)} and choosing ${formatDuration(round.choiceSeconds)}; ` +
      `scoring ${formatDuration(scoringSeconds)}`,
    'What travelled: weights, Gram matrices, counts, label names and scores. Texts and labels stayed in each agent’s folder.',
    '',
    `The fused model: ${fused}`,
    'Use it:',
    `  npx regmean evaluate --model ${fused} --task ${task} --data ${paths.agents[0]?.data.test}`,
    `Every number above: ${paths.results}`,
    `The comparison as a picture: ${paths.picture}`,
    '',
  ].join('\n');
}

/** What every agent's scores said of the candidates; the chosen one is bold. */
function choiceTable({ candidates, chosen }: ChoiceReport): TextTable {
  const agents = Object.keys(candidates[0]?.scores ?? {});
  const percent = (value: number | null | undefined): string | undefined =>
    typeof value === 'number' ? (100 * value).toFixed(1) : undefined;
  return {
    labelHeader: 'candidate',
    columns: [...agents, 'mean', ''],
    groups: [
      candidates.map(({ name, title, scores, mean }) => ({
        label: title,
        cells: [
          ...agents.map((agent) => percent(scores[agent]?.value)),
          ...[percent(mean), name === chosen ? 'chosen' : ''],
        ],
        bold: [...agents, 'mean', ''].map(() => name === chosen),
      })),
    ],
  };
}

function agentsTable(agents: readonly AgentReport[]): TextTable {
  return {
    labelHeader: 'agent',
    columns: ['fine-tuning', 'Grams', 'upload', 'waiting', 'scoring', 'sent', 'received'],
    groups: [
      agents.map(({ agent, seconds, bytesSent, bytesReceived }) => ({
        label: agent,
        cells: [
          ...[seconds.training, seconds.statistics, seconds.upload].map(formatDuration),
          ...[seconds.wait, seconds.scoring].map(formatDuration),
          ...[bytesSent, bytesReceived].map(formatBytes),
        ],
      })),
    ],
  };
}
