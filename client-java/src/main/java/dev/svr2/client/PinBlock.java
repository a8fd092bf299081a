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
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.CompletionException;

/**
 * Makes {@link Pins} out of verified evidence. Stateless.
 *
 * @since 0.1
 */
public final class PinBlock {
  /** Upper limit of the first item of a session, in bytes (protocol.md §1). */
  public static final int HANDSHAKE_START_MAX_BYTES = 128 * 1024;

  private PinBlock() {}

  /**
   * Verifies the evidence in the first item of a session and pins all that it says.
   *
   * @param handshakeStart a serialized ClientHandshakeStart, as a replica sends it
   * @param handshake the one that the group offers, which evidence does not say
   * @param allowSimulated accept evidence of a group that protects nothing; its pins then say
   *     {@code "protected": false}
   * @throws EvidenceException with the check that failed
   */
  public static Pins fromHandshakeStart(
      byte[] handshakeStart, Handshake handshake, boolean allowSimulated) throws EvidenceException {
    return fromEvidence(verifyHandshakeStart(handshakeStart), handshake, allowSimulated);
  }

  /** The same for a group that offers NKhfs, as groups do unless configured otherwise. */
  public static Pins fromHandshakeStart(byte[] handshakeStart, boolean allowSimulated)
      throws EvidenceException {
    return fromHandshakeStart(handshakeStart, Handshake.NKHFS, allowSimulated);
  }

  /**
   * Opens a session, verifies its evidence without judging what it says, shakes hands with the key
   * in it, which proves that the handshake is offered, and ends the session again.
   *
   * @throws UnreachableException when the server does not do its part; nothing was applied
   * @throws EvidenceException when the evidence is refused, or the server offers the other
   *     handshake
   */
  public static VerifiedEvidence fetchEvidence(
      Transport transport, Credentials credentials, Handshake handshake, Duration timeout)
      throws UnreachableException, EvidenceException {
    try (Transport.Stream stream = transport.open(credentials)) {
      VerifiedEvidence evidence = verifyHandshakeStart(stream.receive(timeout));
      byte[] key = evidence.publicKey();
      Threads.onCaller(
              Threads.timer(),
              operation ->
                  SecureSession.shakeHands(
                      operation, stream, handshake, key, new SecureRandom(), timeout))
          .close();
      return evidence;
    } catch (TransportException e) {
      throw new UnreachableException(SecureSession.notSent(e));
    } catch (CompletionException e) {
      throw refusedOrUnreachable(e.getCause());
    }
  }

  private static UnreachableException refusedOrUnreachable(Throwable cause)
      throws EvidenceException {
    Failure failure =
        cause instanceof FailureException
            ? ((FailureException) cause).failure()
            : SecureSession.notSent(TransportException.of(cause));
    if (failure instanceof Failure.Refused) {
      throw ((Failure.Refused) failure).cause();
    }
    return new UnreachableException(failure);
  }

  /**
   * Verifies the evidence in the first item of a session, without judging what it says.
   *
   * @throws EvidenceException with the check that failed
   */
  public static VerifiedEvidence verifyHandshakeStart(byte[] handshakeStart)
      throws EvidenceException {
    return verifyHandshakeStart(handshakeStart, EvidenceVerifier.hardware());
  }

  /** As above, with another verifier for evidence of hardware. */
  public static VerifiedEvidence verifyHandshakeStart(
      byte[] handshakeStart, EvidenceVerifier hardware) throws EvidenceException {
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
        start.getEvidence().toByteArray(), start.getEndorsement().toByteArray(), hardware);
  }

  /**
   * Pins for verified evidence. No advisory is accepted in them.
   *
   * @throws EvidenceException when the evidence is simulated and that is not allowed, or says DEBUG
   */
  public static Pins fromEvidence(
      VerifiedEvidence evidence, Handshake handshake, boolean allowSimulated)
      throws EvidenceException {
    Pins pins =
        new Pins(
            evidence.measurement(),
            evidence.group(),
            handshake,
            evidence.minimums(),
            Collections.emptyList(),
            !evidence.group().simulated());
    PinPolicy.of(pins, allowSimulated).check(evidence);
    return pins;
  }
}
