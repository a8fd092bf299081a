// SPDX-License-Identifier: Apache-2.0
//
// The handshakes that clients know, as lists of tokens in the words of the Noise specification
// (revision 34, §7). A hybrid form is one more list with tokens of its own.
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

  /** What is sent or mixed in. */
  enum Token {
    /** An ephemeral public key, in clear. */
    E,
    /** Agreement of the initiator's ephemeral key and the responder's static key. */
    ES,
    /** Agreement of both ephemeral keys. */
    EE
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
