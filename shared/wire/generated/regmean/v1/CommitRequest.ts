// Original file: proto/regmean/v1/contribution.proto


/**
 * Says that every byte was sent and asks for the contribution to be checked and stored.
 */
export interface CommitRequest {
}

/**
 * Says that every byte was sent and asks for the contribution to be checked and stored.
 */
export interface CommitRequest__Output {
}
