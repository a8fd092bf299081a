// SPDX-License-Identifier: Apache-2.0

/**
 * The client's side of the Noise handshakes of protocol.md §1, usable by itself:
 *
 * <pre>{@code
 * try (NoiseInitiator initiator = NoiseInitiator.nkHfs(serverKey, new SecureRandom())) {
 *   send(initiator.writeFirst());
 *   try (NoiseTransport transport = initiator.readSecond(receive())) {
 *     send(transport.encrypt(request));
 *     byte[] response = transport.decrypt(receive());
 *   }
 * }
 * }</pre>
 *
 * <p>The server's key must come from verified evidence; without that the handshake proves nothing.
 * Vectors: docs/vectors.
 *
 * @since 0.1
 */
package dev.svr2.client.noise;
