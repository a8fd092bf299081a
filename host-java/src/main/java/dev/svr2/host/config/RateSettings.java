// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.config;

/**
 * How often one user may begin a session or delete.
 *
 * @param store where the counts are
 * @param burst calls at once
 * @param perMinute calls in the long run
 * @param refuseOnFailure what happens when the counts cannot be asked: true refuses, false allows
 */
public record RateSettings(Store store, int burst, int perMinute, boolean refuseOnFailure) {
  /** Where counts are kept. */
  public enum Store {
    /** Nowhere: there is no limit. */
    NONE,
    /** In this process: each host counts for itself. */
    MEMORY,
    /** In Redis: all hosts count together. */
    REDIS
  }
}
