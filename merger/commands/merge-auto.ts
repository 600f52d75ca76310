/** @file `regmean merge --method auto`. */
import { type Command, Option } from 'commander';
import { RegmeanError } from '../../shared/errors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { type AutoMergeOptions, autoMethod, type MethodChoice } from '../auto/auto-options.ts';
import type { ChoiceReport, MergeReport } from '../merge/merge-report.ts';
import type { ValidationSource } from '../search/validation-source.ts';

/** The flags of the choice among candidates that only `regmean merge` has. */
export interface AutoFlags {
  readonly candidates?: string | undefined;
  readonly scores?: readonly string[] | undefined;
}

/** Adds them. */
export function addAutoFlags(command: Command): Command {
  const group = `Only with --method ${autoMethod}:`;
  return command
    .addOption(
      new Option(
        '--candidates <dir>',
        'write all candidates here instead, for agents to score with "regmean evaluate --json"',
      ).helpGroup(group),
    )
    .addOption(
      new Option(
        '--scores <file...>',
        'what "regmean evaluate --json" said of the candidates, one file per agent: north.json, or north=FILE',
      ).helpGroup(group),
    );
}

/** What a command is asked for. */
export interface AutoRequest extends AutoFlags {
  readonly contributions: readonly string[];
  readonly options: AutoMergeOptions;
  readonly out: string | undefined;
  readonly validation: ValidationSource | undefined;
}

/**
 * Checks that the flags of the choice go with the method.
 *
 * @throws RegmeanError `usage`, naming the flag
 */
export function requireAutoFor(method: MethodChoice, { candidates, scores }: AutoFlags): void {
  if (method === autoMethod) return;
  const given = Object.entries({ candidates, scores }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw new RegmeanError('usage', `--${given[0]}: needs --method ${autoMethod}, got --method ${method}`);
}

/**
 * Writes candidates, and returns what people are told of them; or merges by the best.
 *
 * @throws RegmeanError `usage` for flags that do not go together
 */
export async function runAuto(
  { contributions, options, out, candidates, scores, validation }: AutoRequest,
  context: RunContext,
): Promise<{ readonly json: object; readonly report: MergeReport | null; readonly text: string }> {
  if (candidates === undefined) {
    const { mergeAuto } = await import('../auto/merge-auto.ts');
    const evidence = {
      ...(scores === undefined ? {} : { scoreFiles: scores }),
      ...(validation === undefined ? {} : { validation }),
    };
    const own = { ...options, out: out as string };
    const report = await mergeAuto(contributions, own, evidence, context, { checkFiles: true });
    return { json: report, report, text: '' };
  }
  const chosen = Object.entries({ out, scores, validation }).find(([, value]) => value !== undefined);
  if (chosen !== undefined) {
    throw new RegmeanError(
      'usage',
      `--candidates: writes what is chosen from, --${chosen[0]} chooses; use one`,
      {
        hint: 'let agents score the candidates first, then merge with --scores and --out',
      },
    );
  }
  const { mergeCandidates } = await import('../auto/merge-candidates.ts');
  const request = { ...options, out: candidates };
  const set = await mergeCandidates(contributions, request, context, { checkFiles: true });
  const lines = [
    `merged ${set.contributions.map(({ agent }) => agent).join(', ')} into ${candidates}, in ${set.candidates.length} ways`,
    ...set.candidates.map(({ name, title }) => `candidate: ${name}: ${title}`),
    ...leftOutLines(set),
    `each agent scores them: regmean evaluate --model ${candidates} --task TASK --data dev.jsonl --json > AGENT.json`,
  ];
  return { json: set, report: null, text: `${lines.join('\n')}\n` };
}

/** What people are told of a choice. */
export async function choiceLines(choice: ChoiceReport): Promise<readonly string[]> {
  const { howChosen } = await import('../merge/model-card.ts');
  const chosen = choice.candidates.find(({ name }) => name === choice.chosen);
  return [
    `chosen: ${chosen?.title}. ${howChosen(choice)}`,
    ...choice.candidates.map(({ name, title, scores, mean, worst }) => {
      const own = Object.entries(scores);
      const each = own.map(([agent, { metric, value }]) => `${agent} ${metric} ${value.toFixed(4)}`);
      const over =
        own.length < 2
          ? []
          : [`mean ${(mean ?? Number.NaN).toFixed(4)}`, `worst ${(worst ?? Number.NaN).toFixed(4)}`];
      const values = [...each, ...over].join(', ');
      return `candidate: ${name}: ${title}${values === '' ? '' : `: ${values}`}`;
    }),
    ...leftOutLines(choice),
    ...Object.entries(choice.incomplete).map(
      ([agent, names]) => `does not count: ${agent}, without a score of ${names.join(', ')}`,
    ),
  ];
}

function leftOutLines({ leftOut }: Pick<ChoiceReport, 'leftOut'>): readonly string[] {
  return leftOut.map(({ name, title, reason }) => `left out: ${name}: ${title}: ${reason}`);
}
