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
import dev.svr2.client.internal.Futures;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/** An established session. After a failure it can only be closed. One call at a time. */
final class SecureSession implements AutoCloseable {
  /** Reads what it needs from a response; the response's bytes are wiped when it returns. */
  interface Reader<T> {
    /** Null when the response is not one that this request can have. */
    T read(Response response);
  }

  private final Operation operation;
  private final Transport.Stream stream;
  private final NoiseTransport noise;
  private final VerifiedEvidence evidence;
  private final Duration timeout;

  private SecureSession(
      Operation operation,
      Transport.Stream stream,
      NoiseTransport noise,
      VerifiedEvidence evidence,
      Duration timeout) {
    this.operation = operation;
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
   * @return fails with a {@link FailureException}; then nothing can have been applied
   */
  static CompletableFuture<SecureSession> open(
      Operation operation,
      Transport transport,
      Credentials credentials,
      PinPolicy policy,
      Handshake handshake,
      SecureRandom random,
      Duration timeout) {
    Transport.Stream stream = transport.open(credentials);
    CompletableFuture<byte[]> start = operation.await(stream.receive(), timeout);
    CompletableFuture<SecureSession> session =
        Operation.then(
            start,
            item -> {
              VerifiedEvidence evidence = verify(item, policy);
              CompletableFuture<NoiseTransport> noise =
                  shakeHands(operation, stream, handshake, evidence.publicKey(), random, timeout);
              return Operation.map(
                  noise, keys -> new SecureSession(operation, stream, keys, evidence, timeout));
            });
    return failingWithFailures(session, SecureSession::notSent)
        .whenComplete(
            (opened, failure) -> {
              if (failure != null) {
                stream.close();
              }
            });
  }

  private static VerifiedEvidence verify(byte[] handshakeStart, PinPolicy policy)
      throws FailureException {
    try {
      return policy.verify(handshakeStart);
    } catch (EvidenceException e) {
      throw new FailureException(new Failure.Refused(e));
    }
  }

  /**
   * The handshake with the key of verified evidence.
   *
   * @return fails with a {@link TransportException} or a {@link FailureException}; with {@link
   *     Failure.Refused} when the server says that it offers the other handshake: there is no
   *     falling back to that, since anyone between may say so
   */
  static CompletableFuture<NoiseTransport> shakeHands(
      Operation operation,
      Transport.Stream stream,
      Handshake handshake,
      byte[] serverKey,
      SecureRandom random,
      Duration timeout) {
    NoiseInitiator initiator =
        handshake == Handshake.NKHFS
            ? NoiseInitiator.nkHfs(serverKey, random)
            : NoiseInitiator.nk(serverKey, random);
    CompletableFuture<NoiseTransport> noise;
    try {
      stream.send(initiator.writeFirst());
      noise =
          Operation.map(
              operation.await(stream.receive(), timeout), second -> finish(initiator, second));
    } catch (NoiseException e) {
      noise = Futures.failed(handshakeFailed(e));
    } catch (TransportException e) {
      noise = Futures.failed(e);
    }
    return noise.handle(
        (keys, failure) -> {
          initiator.close();
          if (failure != null) {
            throw new CompletionException(otherHandshake(handshake, Operation.cause(failure)));
          }
          return keys;
        });
  }

  private static NoiseTransport finish(NoiseInitiator initiator, byte[] second)
      throws FailureException {
    try {
      return initiator.readSecond(second);
    } catch (NoiseException e) {
      throw handshakeFailed(e);
    }
  }

  /** Words that help when the server says that it offers the other handshake. */
  private static Throwable otherHandshake(Handshake handshake, Throwable failure) {
    if (failure instanceof TransportException
        && ((TransportException) failure)
            .reason()
            .equals(Error.ERROR_CLIENT_WRONG_HANDSHAKE.name())) {
      return new FailureException(
          new Failure.Refused(
              new EvidenceException(
                  EvidenceRefusal.HANDSHAKE_NOT_OFFERED,
                  "this client speaks "
                      + handshake
                      + " (its pins or its option --handshake say so);"
                      + " client_pq in the server's configuration names the other")));
    }
    return failure;
  }

  /** Turns a transport's exceptions into failures. */
  private static <T> CompletableFuture<T> failingWithFailures(
      CompletableFuture<T> future, Function<TransportException, Failure> words) {
    return future.handle(
        (value, failure) -> {
          if (failure == null) {
            return value;
          }
          Throwable cause = Operation.cause(failure);
          throw new CompletionException(
              cause instanceof TransportException
                  ? new FailureException(words.apply((TransportException) cause))
                  : cause);
        });
  }

  VerifiedEvidence evidence() {
    return evidence;
  }

  /**
   * Sends one request; its response comes later.
   *
   * @param plaintext a serialized {@link Request}; wiped here
   * @return fails with a {@link FailureException}: NotApplied only when the request did not leave
   *     or the server says so; Unknown for every other end, malformed answers included
   */
  <T> CompletableFuture<T> call(byte[] plaintext, Reader<T> reader) {
    byte[] item = noise.encrypt(plaintext);
    Secrets.wipe(plaintext);
    try {
      stream.send(item);
    } catch (TransportException e) {
      return Futures.failed(new FailureException(notSent(e)));
    }
    return operation
        .await(stream.receive(), timeout)
        .handle(
            (answer, failure) -> {
              try {
                if (failure != null) {
                  Throwable cause = Operation.cause(failure);
                  throw new FailureException(sent(TransportException.of(cause)), true);
                }
                return read(answer, reader);
              } catch (FailureException e) {
                throw new CompletionException(e);
              }
            });
  }

  private <T> T read(byte[] item, Reader<T> reader) throws FailureException {
    byte[] answer = null;
    try {
      answer = noise.decrypt(item);
      // Reading from a wrapped array makes the fields views of it, so that one wipe erases all.
      CodedInputStream in = UnsafeByteOperations.unsafeWrap(answer).newCodedInput();
      in.enableAliasing(true);
      T result = reader.read(Response.parseFrom(in));
      if (result == null) {
        throw unknown("the server's answer has no meaning");
      }
      return result;
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

  private static FailureException handshakeFailed(NoiseException e) {
    return new FailureException(
        new Failure.ProtocolViolation("the handshake failed: " + e.getMessage()));
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
