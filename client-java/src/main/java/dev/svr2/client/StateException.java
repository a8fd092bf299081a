// SPDX-License-Identifier: Apache-2.0
//
// Saved state that cannot be read back.
package dev.svr2.client;

/**
 * Says what is wrong with saved state: truncated, altered, of another version, no state at all.
 * Holds nothing secret.
 *
 * @since 0.1
 */
public final class StateException extends Exception {
  StateException(String message) {
    super(message);
  }
}
