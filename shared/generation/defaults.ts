/** How texts are generated unless said otherwise, as Hugging Face's `generate`. */
export const generationDefaults = { beams: 1, maxNewTokens: 20 } as const;
