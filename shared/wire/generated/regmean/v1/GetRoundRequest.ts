// Original file: proto/regmean/v1/round.proto


export interface GetRoundRequest {
}

export interface GetRoundRequest__Output {
}
