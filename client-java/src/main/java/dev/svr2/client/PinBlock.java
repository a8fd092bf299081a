// SPDX-License-Identifier: Apache-2.0
//
// Pins made from the evidence of a running replica. Whoever distributes pins to clients makes them
// so, on a machine they trust, and compares the measurement with the image they built.
package dev.svr2.client;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.evidence.EvidenceVerifier;
import dev.svr2.client.evidence.VerifiedEvidence;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.proto.ClientHandshakeStart;
import java.time.Duration;
import java.util.Collections;

/** Makes {@link Pins} out of verified evidence. Stateless. */
public final class PinBlock {
  /** Upper limit of the first item of a session, in bytes (protocol.md §1). */
  public static final int HANDSHAKE_START_MAX_BYTES = 128 * 1024;

  private PinBlock() {}

  /**
   * Verifies the evidence in the first item of a session and pins all that it says.
   *
   * @param handshakeStart a serialized ClientHandshakeStart, as a replica sends it
   * @param allowSimulated accept evidence of a group that protects nothing; its pins then say
   *     {@code "protected": false}
   * @throws EvidenceException with the check that failed
   */
  public static Pins fromHandshakeStart(byte[] handshakeStart, boolean allowSimulated)
      throws EvidenceException {
    return fromEvidence(verifyHandshakeStart(handshakeStart), allowSimulated);
  }

  /**
   * Opens a session for its first item, a serialized ClientHandshakeStart, and ends it again.
   *
   * @throws UnreachableException when none comes; nothing was applied
   */
  public static byte[] fetchHandshakeStart(
      Transport transport, Credentials credentials, Duration timeout) throws UnreachableException {
    try (Transport.Stream stream = transport.open(credentials)) {
      return stream.receive(timeout);
    } catch (TransportException e) {
      throw new UnreachableException(SecureSession.notSent(e));
    }
  }

  /**
   * Verifies the evidence in the first item of a session, without judging what it says.
   *
   * @throws EvidenceException with the check that failed
   */
  public static VerifiedEvidence verifyHandshakeStart(byte[] handshakeStart)
      throws EvidenceException {
    if (handshakeStart.length > HANDSHAKE_START_MAX_BYTES) {
      throw new EvidenceException(EvidenceRefusal.MALFORMED_HANDSHAKE_START, "longer than 128 KiB");
    }
    ClientHandshakeStart start;
    try {
      start = ClientHandshakeStart.parseFrom(handshakeStart);
    } catch (InvalidProtocolBufferException e) {
      throw new EvidenceException(EvidenceRefusal.MALFORMED_HANDSHAKE_START);
    }
    // test_only_pubkey is ignored: the key comes from the evidence.
    return EvidenceVerifier.verifyAny(
        start.getEvidence().toByteArray(), start.getEndorsement().toByteArray());
  }

  /**
   * Pins for verified evidence. No advisory is accepted in them.
   *
   * @throws EvidenceException when the evidence is simulated and that is not allowed, or says DEBUG
   */
  public static Pins fromEvidence(VerifiedEvidence evidence, boolean allowSimulated)
      throws EvidenceException {
    Pins pins =
        new Pins(
            evidence.measurement(),
            evidence.group(),
            PinPolicy.HANDSHAKE,
            evidence.minimums(),
            Collections.emptyList(),
            !evidence.group().simulated());
    PinPolicy.of(pins, allowSimulated).check(evidence);
    return pins;
  }
}
