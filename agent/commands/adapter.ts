import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import type { TaskKind } from '../../shared/task.ts';

interface AdapterFlags {
  readonly model: string;
  readonly base?: string;
  readonly task?: TaskKind;
  readonly labels?: string[];
  readonly out: string;
  readonly json?: boolean;
}

/** Adds `regmean adapter`. */
export function registerAdapterCommand(program: Command): void {
  program
    .command('adapter')
    .description('write a base model and a LoRA adapter of Hugging Face PEFT as one full model')
    .requiredOption('--model <dir>', 'adapter folder: adapter_config.json and adapter_model.safetensors')
    .option(
      '--base <dir>',
      'base model (default: the folder that adapter_config.json names, a relative one seen from the adapter folder)',
    )
    .option('--task <kind>', 'task of the model (default: that of training.json)', parse.taskKind)
    .option(
      '--labels <names>',
      'classes in the order of the head, separated by commas (default: those of training.json)',
      parse.nameList,
    )
    .requiredOption('--out <dir>', 'model folder to write')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nThe result is used like a model that `regmean train` made:\n' +
        '  regmean adapter --model lora --base base --task text-classification --labels routine,urgent --out tuned\n' +
        '  regmean stats --model tuned --task text-classification --data train.jsonl --out contribution',
    )
    .action(async ({ model, json, ...rest }: AdapterFlags) => {
      const { writeFullModel } = await import('../../shared/adapters/write-full-model.ts');
      const result = await writeFullModel({ ...rest, adapter: model });
      process.stdout.write(
        json === true
          ? `${JSON.stringify(result)}\n`
          : [
              `${result.updated} modules of ${result.base} updated, ${result.saved} parameters taken from the adapter`,
              ...result.notes.map((note) => `note: ${note}`),
              `model: ${result.out}\n`,
            ].join('\n'),
      );
    });
}
