import { describe, expect, it } from 'vitest';
import { adamWDefaults, createAdamW } from '../../../../agent/training/adamw.ts';
import { createArena } from '../../../../agent/training/parameter-arena.ts';
import '../../../support/allclose.ts';

const shape = [70_000]; // Longer than a chunk of the update.
const shapes = new Map([
  ['wide.weight', shape],
  ['wide.bias', [2]],
]);

async function start(changes: Partial<typeof adamWDefaults> = {}) {
  const parameters = createArena(shapes);
  const gradients = createArena(shapes);
  parameters.flat.set(parameters.flat.map((_, at) => Math.sin(at)));
  gradients.flat.set(gradients.flat.map((_, at) => Math.cos(3 * at)));
  const optimizer = createAdamW({ parameters, gradients }, { ...adamWDefaults, ...changes });
  return { parameters, gradients, optimizer };
}

/**
 * Loshchilov & Hutter (2019), Algorithm 2, in float64, for one element with a constant gradient.
 */
function reference(p: number, g: number, steps: number, rate: number, decay: number): number {
  const { beta1, beta2, epsilon } = adamWDefaults;
  let [value, m, v] = [p, 0, 0];
  for (let t = 1; t <= steps; t++) {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    value -=
      rate * decay * value + (rate * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon);
  }
  return value;
}

describe('AdamW', () => {
  it('updates every element of every chunk as the algorithm says, and decays weights but not biases', async () => {
    const { parameters, gradients, optimizer } = await start({ maxGradientNorm: Number.POSITIVE_INFINITY });
    const before = parameters.flat.slice();
    for (let step = 0; step < 3; step++) optimizer.step(0.01);
    const expected = before.map((p, at) =>
      reference(p, gradients.flat[at] as number, 3, 0.01, at < 70_000 ? adamWDefaults.weightDecay : 0),
    );
    const whole = [parameters.flat.length];
    expect({ shape: whole, data: parameters.flat }).toBeAllclose(
      { shape: whole, data: expected },
      { rtol: 1e-6 },
    );
  });

  it('returns the global norm before clipping, and clips the gradient to the limit', async () => {
    const clipped = await start({ maxGradientNorm: 0.5 });
    const squares = clipped.gradients.flat.reduce((sum, g) => sum + g * g, 0);
    expect(clipped.optimizer.step(0.01)).toBeCloseTo(Math.sqrt(squares), 3);
    const { firstMoment, secondMoment } = clipped.optimizer.state();
    expect(Math.hypot(...firstMoment)).toBeCloseTo(0.1 * 0.5, 6);
    const squaredNorm = secondMoment.reduce((sum, v) => sum + v, 0);
    expect(squaredNorm / (0.001 * 0.5 ** 2)).toBeCloseTo(1, 4);
  });

  it('names the tensor and the step of a gradient that is not finite, before anything is changed', async () => {
    const { parameters, gradients, optimizer } = await start();
    optimizer.step(0.01);
    const before = parameters.flat.slice();
    gradients.flat[70_001] = Number.NaN;
    expect(() => optimizer.step(0.01)).toThrow('training: the gradient of wide.bias is not finite at step 2');
    expect(Buffer.from(parameters.flat.buffer).equals(Buffer.from(before.buffer))).toBe(true);
  });
});
