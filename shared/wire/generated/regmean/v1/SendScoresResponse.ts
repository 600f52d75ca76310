// Original file: proto/regmean/v1/scores.proto


export interface SendScoresResponse {
}

export interface SendScoresResponse__Output {
}
