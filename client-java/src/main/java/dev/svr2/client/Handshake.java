// SPDX-License-Identifier: Apache-2.0
//
// The two Noise handshakes of protocol.md §1. There is no negotiation: a group offers one, its pins
// name it.
package dev.svr2.client;

/**
 * Which handshake a group offers. Its text form, {@link #toString}, is the one in pin files.
 *
 * @since 0.1
 */
public enum Handshake {
  /** X25519 alone. */
  NK("NK"),
  /** X25519 and ML-KEM-1024: what is recorded now stays closed to a later quantum computer. */
  NKHFS("NKhfs");

  private final String text;

  Handshake(String text) {
    this.text = text;
  }

  /**
   * The handshake of that name.
   *
   * @throws IllegalArgumentException when it is neither NK nor NKhfs
   */
  public static Handshake of(String text) {
    for (Handshake handshake : values()) {
      if (handshake.text.equals(text)) {
        return handshake;
      }
    }
    throw new IllegalArgumentException("handshake must be NK or NKhfs");
  }

  /** What a group offers whose configuration says so under {@code client_pq}. */
  public static Handshake offered(boolean clientPq) {
    return clientPq ? NKHFS : NK;
  }

  @Override
  public String toString() {
    return text;
  }
}
