// SPDX-License-Identifier: Apache-2.0
//
// A pin file that cannot be used.
package dev.svr2.client;

/**
 * Thrown when pins are malformed; the message names the place. Nothing in it is secret.
 *
 * @since 0.1
 */
public final class PinsException extends Exception {
  PinsException(String message) {
    super(message);
  }
}
