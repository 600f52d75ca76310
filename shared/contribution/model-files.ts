import { listFolder } from '../files/atomic-folder.ts';

/** Tokenizer and configuration files and graphs that belong to a model folder, weights aside. */
const companionFiles: ReadonlySet<string> = new Set([
  'added_tokens.json',
  'config.json',
  'generation_config.json',
  'merges.txt',
  'model.json',
  'model.onnx',
  'sentencepiece.bpe.model',
  'special_tokens_map.json',
  'spiece.model',
  'spm.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
  'vocab.txt',
]);

/**
 * Names of the configuration and tokenizer files in a model folder, sorted. Only these known names
 * are ever copied or sent, so that nothing else that lies in the folder (data, optimizer state)
 * leaves it by accident.
 */
export async function companionFilesOf(folder: string): Promise<readonly string[]> {
  return ((await listFolder(folder)) ?? []).filter((name) => companionFiles.has(name));
}
