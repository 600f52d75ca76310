/** @file What nodes of ONNX files are called. */
import type { OnnxNode } from '../graph/onnx-schema.ts';

/** Where a node stands, for messages: its name, or what it computes where it has none. */
export function nodeName({ name, output }: OnnxNode): string {
  return name === undefined || name === '' ? (output[0] ?? '') : name;
}

/** The domain of ONNX Runtime's own operators, which its optimizers write. */
export const microsoftDomain = 'com.microsoft';

/** Whether a domain is that of ONNX's own operators. */
export function isStandard(domain: string | undefined): boolean {
  return domain === undefined || domain === '' || domain === 'ai.onnx';
}
