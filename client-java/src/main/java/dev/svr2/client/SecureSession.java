// SPDX-License-Identifier: Apache-2.0
//
// One client session: evidence, handshake, encrypted requests (protocol.md §1). It knows at each
// moment whether a request has left, and words failures accordingly.
package dev.svr2.client;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.UnsafeByteOperations;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.evidence.VerifiedEvidence;
import dev.svr2.client.internal.Secrets;
import dev.svr2.client.noise.NoiseException;
import dev.svr2.client.noise.NoiseInitiator;
import dev.svr2.client.noise.NoiseTransport;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.proto.Error;
import dev.svr2.proto.Request;
import dev.svr2.proto.Response;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;

/** An established session. After a failure it can only be closed. For one thread at a time. */
final class SecureSession implements AutoCloseable {
  /** Reads what it needs from a response; the response's bytes are wiped when it returns. */
  interface Reader<T> {
    /** Null when the response is not one that this request can have. */
    T read(Response response);
  }

  private final Transport.Stream stream;
  private final NoiseTransport noise;
  private final VerifiedEvidence evidence;
  private final Duration timeout;

  private SecureSession(
      Transport.Stream stream, NoiseTransport noise, VerifiedEvidence evidence, Duration timeout) {
    this.stream = stream;
    this.noise = noise;
    this.evidence = evidence;
    this.timeout = timeout;
  }

  /**
   * Opens a stream, verifies the evidence against the policy and shakes hands with the key in it.
   *
   * @param handshake the one to speak; a server that offers the other refuses it
   * @param timeout for each of the server's answers, later ones included
   * @throws FailureException nothing can have been applied
   */
  static SecureSession open(
      Transport transport,
      Credentials credentials,
      PinPolicy policy,
      Handshake handshake,
      SecureRandom random,
      Duration timeout)
      throws FailureException {
    Transport.Stream stream = transport.open(credentials);
    boolean done = false;
    try {
      VerifiedEvidence evidence = PinBlock.verifyHandshakeStart(stream.receive(timeout));
      policy.check(evidence);
      NoiseTransport noise = shakeHands(stream, handshake, evidence.publicKey(), random, timeout);
      done = true;
      return new SecureSession(stream, noise, evidence, timeout);
    } catch (EvidenceException e) {
      throw new FailureException(new Failure.Refused(e));
    } catch (NoiseException e) {
      throw new FailureException(handshakeFailed(e));
    } catch (TransportException e) {
      throw new FailureException(notSent(e));
    } finally {
      if (!done) {
        stream.close();
      }
    }
  }

  /**
   * The handshake with the key of verified evidence.
   *
   * @throws EvidenceException when the server says that it offers the other handshake; there is no
   *     falling back to that, since anyone between may say so
   */
  static NoiseTransport shakeHands(
      Transport.Stream stream,
      Handshake handshake,
      byte[] serverKey,
      SecureRandom random,
      Duration timeout)
      throws EvidenceException, NoiseException, TransportException {
    try (NoiseInitiator initiator =
        handshake == Handshake.NKHFS
            ? NoiseInitiator.nkHfs(serverKey, random)
            : NoiseInitiator.nk(serverKey, random)) {
      stream.send(initiator.writeFirst());
      return initiator.readSecond(stream.receive(timeout));
    } catch (TransportException e) {
      if (e.reason().equals(Error.ERROR_CLIENT_WRONG_HANDSHAKE.name())) {
        throw new EvidenceException(
            EvidenceRefusal.HANDSHAKE_NOT_OFFERED,
            "this client speaks "
                + handshake
                + " (its pins or its option --handshake say so);"
                + " client_pq in the server's configuration names the other");
      }
      throw e;
    }
  }

  VerifiedEvidence evidence() {
    return evidence;
  }

  /**
   * Sends one request and waits for its response.
   *
   * @param plaintext a serialized {@link Request}; wiped here
   * @throws FailureException NotApplied only when the request did not leave or the server says so;
   *     Unknown for every other end, malformed answers included
   */
  <T> T call(byte[] plaintext, Reader<T> reader) throws FailureException {
    byte[] item = noise.encrypt(plaintext);
    Secrets.wipe(plaintext);
    try {
      stream.send(item);
    } catch (TransportException e) {
      throw new FailureException(notSent(e));
    }
    byte[] answer = null;
    try {
      answer = noise.decrypt(stream.receive(timeout));
      // Reading from a wrapped array makes the fields views of it, so that one wipe erases all.
      CodedInputStream in = UnsafeByteOperations.unsafeWrap(answer).newCodedInput();
      in.enableAliasing(true);
      T result = reader.read(Response.parseFrom(in));
      if (result == null) {
        throw unknown("the server's answer has no meaning");
      }
      return result;
    } catch (TransportException e) {
      throw new FailureException(sent(e), true);
    } catch (NoiseException e) {
      throw unknown("the server's answer does not verify");
    } catch (IOException e) {
      throw unknown("the server's answer is malformed");
    } finally {
      Secrets.wipe(answer);
    }
  }

  private static FailureException unknown(String text) {
    return new FailureException(new Failure.Unknown(text), true);
  }

  static Failure handshakeFailed(NoiseException e) {
    return new Failure.ProtocolViolation("the handshake failed: " + e.getMessage());
  }

  /** The failure when no request has left. */
  static Failure notSent(TransportException e) {
    switch (e.kind()) {
      case CREDENTIALS:
        return new Failure.CredentialsRefused(e.getMessage());
      case REJECTED:
        return new Failure.Rejected(e.getMessage());
      case MALFORMED:
        return new Failure.ProtocolViolation(e.getMessage());
      default:
        return new Failure.NotApplied(e.getMessage());
    }
  }

  /** The failure when a request may have left: unknown, unless the server denies it. */
  static Failure sent(TransportException e) {
    if (e.applied() == TransportException.Applied.NO) {
      return notSent(e);
    }
    return new Failure.Unknown(e.getMessage());
  }

  @Override
  public void close() {
    noise.close();
    stream.close();
  }
}
