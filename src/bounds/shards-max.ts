/** The maximum of the setting SHARDS. */
export const SHARDS_MAX = 64;
