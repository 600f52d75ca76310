// Original file: proto/regmean/v1/round.proto

import type { Round as _regmean_v1_Round, Round__Output as _regmean_v1_Round__Output } from '../../regmean/v1/Round.ts';

export interface GetRoundResponse {
  'round'?: (_regmean_v1_Round | null);
}

export interface GetRoundResponse__Output {
  'round': (_regmean_v1_Round__Output | null);
}
