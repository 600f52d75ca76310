import { type Command, Option } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { counted } from '../../shared/text/amounts.ts';
import {
  questionDefaults as defaults,
  type QuestionTask,
  questionTasks,
} from '../inference/write-questions.ts';

interface QuestionsFlags extends ColumnNames {
  readonly task: QuestionTask;
  readonly data: string[];
  readonly out: string;
  readonly classes?: string[];
  readonly template: string;
  readonly answers: readonly string[];
}

/** Adds `regmean questions`. */
export function registerQuestionsCommand(program: Command): void {
  const command = program
    .command('questions')
    .description('turn rows with classes into questions to answer with yes or no, for text2text models')
    .addOption(
      new Option('--task <kind>', 'what the rows are labelled for')
        .choices(questionTasks)
        .makeOptionMandatory(),
    )
    .requiredOption('--data <file...>', 'labelled rows of text')
    .requiredOption(
      '--out <file>',
      'JSON Lines file to write: "text", "target", and "row" and "class" of the question',
    )
    .option(
      '--classes <names>',
      'classes to ask for, separated by commas (default: those of the data)',
      parse.nameList,
    )
    .option('--template <text>', 'the question, with {class} and {text}', defaults.template)
    .option('--answers <yes,no>', 'targets where the class applies and where not', parse.nameList, [
      ...defaults.answers,
    ])
    .addHelpText(
      'after',
      '\nExample:\n  regmean questions --task text-classification --data train.jsonl --out questions.jsonl\n' +
        '  regmean train --model t5 --task text2text --train questions.jsonl --out tuned',
    )
    .action(async (flags: QuestionsFlags) => {
      const { writeQuestions } = await import('../inference/write-questions.ts');
      const { data, ...rest } = gatherColumns(flags);
      const { questions, rows, classes } = await writeQuestions({ ...rest, dataFiles: data });
      process.stderr.write(
        `${counted(questions, 'question')} of ${counted(rows, 'row')} and ${counted(classes.length, 'class', 'classes')} written to ${flags.out}\n`,
      );
    });
  addColumnOptions(command);
}
