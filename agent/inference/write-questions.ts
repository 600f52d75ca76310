/**
 * @file Classification as text2text (paper, Appendix B): a question per row and class, which a T5
 *   model answers with yes or no; an answer that is exactly yes says that the class applies.
 */
import type { DataColumns } from '../../shared/data/column-names.ts';
import { encodeLabels } from '../../shared/data/encode-labels.ts';
import { collectLabels, createLabelSpace } from '../../shared/data/label-space.ts';
import { readRows } from '../../shared/data/read-rows.ts';
import type { Row } from '../../shared/data/row.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { writeFileAtomically } from '../../shared/files/atomic-write.ts';

/** Tasks whose rows can be asked about. */
export const questionTasks = ['text-classification', 'multi-label-classification'] as const;

export type QuestionTask = (typeof questionTasks)[number];

/** The paper's template and answers. */
export const questionDefaults = {
  template: 'does the sentence express {class}? {text}',
  answers: ['yes', 'no'],
} as const;

/** What to ask. */
export interface QuestionOptions {
  readonly task: QuestionTask;
  readonly dataFiles: readonly string[];
  readonly columns?: DataColumns;
  readonly out: string;
  /** Classes to ask for; those of the data when absent. */
  readonly classes?: readonly string[];
  /** Has `{class}` and `{text}`. */
  readonly template: string;
  /** Targets where the class applies, and where it does not. */
  readonly answers: readonly string[];
}

/** What was written. */
export interface WrittenQuestions {
  readonly questions: number;
  readonly rows: number;
  readonly classes: readonly string[];
}

/**
 * Writes a line for each row and class: `text` (the question), `target` (yes or no), `row` (counted
 * from 1) and `class`.
 *
 * @throws RegmeanError `usage` for a template without its two places or answers that are not two,
 *   `invalid-input` for rows without text and labels that are none of the classes
 */
export async function writeQuestions(options: QuestionOptions): Promise<WrittenQuestions> {
  for (const place of ['{class}', '{text}']) {
    if (!options.template.includes(place)) {
      throw new RegmeanError('usage', `--template: must have ${place}, got "${options.template}"`);
    }
  }
  const [yes, no, ...others] = options.answers;
  if (yes === undefined || no === undefined || others.length > 0 || yes === no) {
    throw new RegmeanError(
      'usage',
      `--answers: must be two different texts, got "${options.answers.join(',')}"`,
    );
  }
  const rows = await readRows(options.dataFiles, { task: options.task, labelled: true }, options.columns);
  const space =
    options.classes === undefined ? collectLabels(rows, options.task) : createLabelSpace(options.classes);
  const classes = space?.names ?? [];
  const labels = encodeLabels(rows, options.task, space);
  await writeFileAtomically(options.out, async (file) => {
    for (const [index, row] of rows.entries()) {
      const text = textOf(row);
      const own = labels[index];
      for (const [id, name] of classes.entries()) {
        const applies = own?.kind === 'flags' ? own.flags[id] === 1 : own?.kind === 'class' && own.id === id;
        const question = {
          text: options.template.replaceAll('{class}', () => name).replaceAll('{text}', () => text),
          target: applies ? yes : no,
          row: index + 1,
          class: name,
        };
        await file.write(`${JSON.stringify(question)}\n`);
      }
    }
  });
  return { questions: rows.length * classes.length, rows: rows.length, classes };
}

function textOf({ input, source }: Row): string {
  if (input.kind !== 'text') {
    throw new RegmeanError(
      'invalid-input',
      `${source.file}, row ${source.row}: a question needs text, got ${input.kind}`,
    );
  }
  return input.textPair === null ? input.text : `${input.text} ${input.textPair}`;
}
