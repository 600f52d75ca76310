import { roberta } from './roberta.ts';

/** XLM-RoBERTa (Conneau et al., 2020): RoBERTa's graph and parameter names, another vocabulary. */
export const xlmRoberta: typeof roberta = {
  ...roberta,
  modelType: 'xlm-roberta',
  classNames: {
    'text-classification': 'XLMRobertaForSequenceClassification',
    'multi-label-classification': 'XLMRobertaForSequenceClassification',
    regression: 'XLMRobertaForSequenceClassification',
    'token-classification': 'XLMRobertaForTokenClassification',
    'masked-lm': 'XLMRobertaForMaskedLM',
  },
};
