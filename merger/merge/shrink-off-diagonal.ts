import type { Matrix } from '../../shared/linalg/matrix.ts';

/**
 * G <- c (alpha G + (1 - alpha) diag(G)) in place: off-diagonal entries times c alpha, diagonal entries times c
 * (section 3.3 and appendix A of the paper: an alpha below 1 penalises the distance to each agent's own weights).
 */
export function shrinkOffDiagonal({ rows, columns, data }: Matrix, alpha: number, c: number): void {
  for (let row = 0; row < rows; row++) {
    const diagonal = row * columns + row;
    const kept = (data[diagonal] as number) * c;
    for (let i = row * columns; i < (row + 1) * columns; i++) data[i] = (data[i] as number) * alpha * c;
    data[diagonal] = kept;
  }
}
