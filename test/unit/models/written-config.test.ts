import { describe, expect, it } from 'vitest';
import { headMembers, withoutHead, writtenConfig } from '../../../shared/models/written-config.ts';

describe('writtenConfig', () => {
  it('keeps what it does not change as it was written', () => {
    const text = '{"initializer_factor": 1.0, "layer_norm_epsilon": 1e-06, "id": 12345678901234567890}';
    expect(writtenConfig(text, 'F32')).toBe(
      '{\n  "initializer_factor": 1.0,\n  "layer_norm_epsilon": 1e-06,\n  "id": 12345678901234567890\n}\n',
    );
  });

  it.each([
    ['{"dtype": "bfloat16"}', { dtype: 'float32' }],
    ['{"torch_dtype": "float16"}', { torch_dtype: 'float32' }],
    ['{"torch_dtype": "float16", "dtype": null}', { torch_dtype: 'float32', dtype: 'float32' }],
    ['{}', {}],
  ])('tells float32 weights in the members that told the dtype of %s', (text, expected) => {
    expect(JSON.parse(writtenConfig(text, 'F32'))).toEqual(expected);
  });

  it('tells other weights in torch_dtype where no member did', () => {
    expect(JSON.parse(writtenConfig('{}', 'F16'))).toEqual({ torch_dtype: 'float16' });
    expect(JSON.parse(writtenConfig('{"dtype": "float32"}', 'BF16'))).toEqual({ dtype: 'bfloat16' });
  });

  it('tells it in configurations inside of the configuration too', () => {
    const text = `{"dtype": "bfloat16", "text_config": {"dtype": "bfloat16", "eps": 1.0},
      "other_config": {"dense": {"dtype": "int8"}, "theta": 1.0}}`;
    const written = writtenConfig(text, 'F32');
    expect(JSON.parse(written)).toEqual({
      dtype: 'float32',
      text_config: { dtype: 'float32', eps: 1 },
      other_config: { dense: { dtype: 'int8' }, theta: 1 },
    });
    expect(written).toContain('"eps": 1.0');
    expect(written).toContain('{"dense": {"dtype": "int8"}, "theta": 1.0}');
  });

  it('leaves out where the model was loaded from', () => {
    expect(writtenConfig('{"_name_or_path": "/home/me/base"}', 'F32')).toBe('{}\n');
  });

  it('says what a head is for, and nothing of the head before it', () => {
    const text = '{"num_labels": 3, "problem_type": "single_label_classification", "hidden": 8.0}';
    const changes = headMembers('token-classification', ['O', 'B'], 'BertForTokenClassification');
    expect(JSON.parse(writtenConfig(text, 'F32', changes))).toEqual({
      hidden: 8,
      architectures: ['BertForTokenClassification'],
      id2label: { 0: 'O', 1: 'B' },
      label2id: { O: 0, B: 1 },
    });
    expect(JSON.parse(writtenConfig(text, 'F32', withoutHead))).toEqual({ hidden: 8 });
  });
});
