// SPDX-License-Identifier: Apache-2.0
//
// The handshakes that clients know, as lists of tokens in the words of the Noise specification
// (revision 34, §7), the hybrid one with tokens of the HFS extension.
package dev.svr2.client.noise;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * A handshake of two messages in which the initiator knows the responder's static key. Immutable.
 */
final class HandshakePattern {
  /** {@code <- s ... -> e, es <- e, ee}. */
  static final HandshakePattern NK =
      new HandshakePattern(
          "Noise_NK_25519_ChaChaPoly_SHA256",
          Arrays.asList(Token.E, Token.ES),
          Arrays.asList(Token.E, Token.EE));

  /** {@code <- s ... -> e, es, e1 <- e, ee, ekem1}. Kyber1024 means ML-KEM-1024 (FIPS 203). */
  static final HandshakePattern NK_HFS =
      new HandshakePattern(
          "Noise_NKhfs_25519+Kyber1024_ChaChaPoly_SHA256",
          Arrays.asList(Token.E, Token.ES, Token.E1),
          Arrays.asList(Token.E, Token.EE, Token.EKEM1));

  /** What is sent or mixed in. */
  enum Token {
    /** An ephemeral public key, in clear. */
    E,
    /** Agreement of the initiator's ephemeral key and the responder's static key. */
    ES,
    /** Agreement of both ephemeral keys. */
    EE,
    /** The initiator's KEM public key, encrypted. */
    E1,
    /** A ciphertext for that key, encrypted; then the secret in it. */
    EKEM1
  }

  final String protocolName;
  final List<Token> first;
  final List<Token> second;

  private HandshakePattern(String protocolName, List<Token> first, List<Token> second) {
    this.protocolName = protocolName;
    this.first = Collections.unmodifiableList(first);
    this.second = Collections.unmodifiableList(second);
  }
}
