/** @file Which parameter is the weight of a linear layer, and how it is stored. */
import { z } from 'zod';

/**
 * How a weight matrix is stored: PyTorch's Linear as [out, in]; Conv1D (GPT-2), ONNX's MatMul and
 * Keras' Dense as [in, out].
 */
export const orientations = ['out-in', 'in-out'] as const;

export type Orientation = (typeof orientations)[number];

/** The weight of a linear layer. */
export const layerWeightSchema = z.object({
  parameter: z.string().min(1),
  orientation: z.enum(orientations),
});

export type LayerWeight = Readonly<z.infer<typeof layerWeightSchema>>;

/**
 * Whether a layer's weight is as in PyTorch's Linear: `<module>.weight`, [out, in]. Gram files name
 * the others.
 */
export function isUsualWeight(module: string, { parameter, orientation }: LayerWeight): boolean {
  return parameter === `${module}.weight` && orientation === 'out-in';
}

/**
 * The weight of a layer: what the Gram file says, else `<module>.weight`, stored as the model
 * family does.
 *
 * @param stored layers of a Gram file whose weights are unusual
 * @param modelType `model_type` of config.json
 */
export function layerWeight(
  module: string,
  stored: ReadonlyMap<string, LayerWeight>,
  modelType: string | undefined,
): LayerWeight {
  const isConv1D = modelType === 'gpt2' && /\.(c_attn|c_proj|c_fc|q_attn)$/.test(module);
  return stored.get(module) ?? { parameter: `${module}.weight`, orientation: isConv1D ? 'in-out' : 'out-in' };
}
