/**
 * @file Whether the layers of a model get all of their inputs. TensorFlow.js looks for ever for a
 *   layer that is not there, or that waits for its own output.
 */
import { RegmeanError } from '../errors.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One call of a layer. */
interface Call {
  readonly layer: string;
  /** A layer's name, and which of its calls gives the output. */
  readonly inputs: readonly (readonly unknown[])[];
}

/**
 * Checks the layers of a model and of the models inside of it.
 *
 * @param file named in errors
 * @param topology `modelTopology` of model.json
 * @throws RegmeanError `invalid-input` naming the layer and the input that it never gets
 */
export function requireConnectedLayers(file: string, topology: unknown): void {
  if (typeof topology !== 'object' || topology === null) return;
  for (const value of Object.values(topology)) requireConnectedLayers(file, value);
  const { layers } = topology as Fields;
  if (Array.isArray(layers) && layers.every(isRecord) && layers.some((layer) => 'name' in layer)) {
    requireConnected(file, layers);
  }
}

function requireConnected(file: string, layers: readonly Fields[]): void {
  const outputs = new Map<string, number>();
  for (const { name, class_name: className } of layers) {
    if (outputs.has(String(name))) {
      throw new RegmeanError('invalid-input', `${file}: layer names must differ, got ${name} twice`);
    }
    outputs.set(String(name), isCalledWhenMade(className) ? 1 : 0);
  }
  let waiting = layers.flatMap((layer) => callsOf(file, layer));
  while (waiting.length > 0) {
    const still = waiting.filter(({ layer, inputs }) => {
      if (inputs.some((input) => isMissing(outputs, input))) return true;
      if (inputs.length > 0) outputs.set(layer, (outputs.get(layer) ?? 0) + 1);
      return false;
    });
    const [first] = still;
    if (first !== undefined && still.length === waiting.length) throw unconnected(file, first, outputs);
    waiting = still;
  }
}

/** Inputs have an output from the beginning, and models inside of the model that of their own. */
function isCalledWhenMade(className: unknown): boolean {
  return ['InputLayer', 'Model', 'Functional', 'Sequential'].includes(String(className));
}

function callsOf(file: string, layer: Fields): readonly Call[] {
  const nodes = layer.inbound_nodes ?? layer.inboundNodes;
  if (!Array.isArray(nodes)) return [];
  const name = String(layer.name);
  return nodes.map((node) => {
    if (Array.isArray(node) && node.every(Array.isArray)) return { layer: name, inputs: node };
    throw new RegmeanError(
      'invalid-input',
      `${file}: layer ${name}: inbound_nodes must hold lists of inputs, got ${JSON.stringify(node)}`,
    );
  });
}

function isMissing(outputs: ReadonlyMap<string, number>, [name, call]: readonly unknown[]): boolean {
  const calls = outputs.get(String(name));
  return calls === undefined || calls <= Number(call);
}

function unconnected(
  file: string,
  { layer, inputs }: Call,
  outputs: ReadonlyMap<string, number>,
): RegmeanError {
  const [name, call] = inputs.find((input) => isMissing(outputs, input)) ?? [];
  return new RegmeanError(
    'invalid-input',
    `${file}: layer ${layer}: must read outputs of layers before it, got ${name}, call ${call}`,
    { hint: 'take model.json from where the model is from: it was changed by hand or cut' },
  );
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
