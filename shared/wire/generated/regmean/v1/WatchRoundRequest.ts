// Original file: proto/regmean/v1/round.proto


export interface WatchRoundRequest {
}

export interface WatchRoundRequest__Output {
}
