import { RegmeanError } from '../errors.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import { openSafetensors, type TensorReader } from '../safetensors/open-safetensors.ts';
import { z } from '../zod.ts';
import {
  type FisherReduction,
  type FisherVariant,
  fisherFormat,
  fisherReductions,
  fisherVariants,
} from './fisher.ts';

const metadataSchema = z.object({
  variant: z.enum(fisherVariants).optional(),
  reduction: z.enum(fisherReductions).optional(),
  examples: z.coerce.number().int().positive().optional(),
});

/**
 * An open `fisher.safetensors`: parameter name -> diagonal Fisher information of the parameter's
 * shape.
 */
export interface FisherFile extends TensorReader {
  /** Absent, like all of the following, in files made elsewhere. */
  readonly variant?: FisherVariant | undefined;
  readonly reduction?: FisherReduction | undefined;
  readonly examples?: number | undefined;
}

/**
 * Opens diagonal Fisher information; values are read when they are asked for.
 *
 * @throws RegmeanError `invalid-input` when metadata or a tensor's type is not as it should be
 */
export async function openFisher(path: string): Promise<FisherFile> {
  const file = await openSafetensors(path);
  const isOurs = file.metadata.get('format') === fisherFormat;
  const metadata = metadataSchema.safeParse(isOurs ? Object.fromEntries(file.metadata) : {});
  const wrong = [...file.tensors].find(([, { dtype }]) => !isFloatDtype(dtype));
  if (metadata.success && wrong === undefined) return { ...file, ...metadata.data };
  await file.close();
  const issue = metadata.error?.issues[0];
  throw new RegmeanError(
    'invalid-input',
    issue === undefined
      ? `${path}: tensor ${wrong?.[0]} must be floating point, is ${wrong?.[1].dtype}`
      : `${path}: metadata ${issue.path.join('.')}: ${issue.message}`,
  );
}
