// SPDX-License-Identifier: Apache-2.0
//
// A Noise message that is not what the other side should have sent.
package dev.svr2.client.noise;

/**
 * Thrown when a received message is malformed or does not verify. Holds nothing secret.
 *
 * @since 0.1
 */
public final class NoiseException extends Exception {
  NoiseException(String message) {
    super(message);
  }
}
