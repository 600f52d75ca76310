/**
 * @file mT5 (Xue et al., 2021): T5 1.1 under another name, with a vocabulary of many languages. Its
 *   decoder's outputs are never scaled, whether its head is tied or not.
 */
import type { Architecture } from './architecture.ts';
import { withDefaults } from './config.ts';
import { t5 } from './t5.ts';

export const mt5: typeof t5 = {
  ...t5,
  modelType: 'mt5',
  classNames: { text2text: 'MT5ForConditionalGeneration' },
  parseConfig: (json) => ({
    ...t5.parseConfig(withDefaults({ feed_forward_proj: 'gated-gelu' }, json)),
    scaled: false,
  }),
  besideTying: () => ({}),
} satisfies Architecture<ReturnType<typeof t5.parseConfig>>;
