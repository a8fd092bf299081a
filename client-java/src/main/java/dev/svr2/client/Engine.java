// SPDX-License-Identifier: Apache-2.0
//
// The operations of a client as chains of steps, for the synchronous and the asynchronous face
// alike. What may be repeated and what an answer means: protocol.md §2 and §3.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceVerifier;
import dev.svr2.client.internal.Futures;
import dev.svr2.client.internal.Secrets;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Function;

/** Immutable and thread-safe. Futures fail only for what is a bug. */
final class Engine {
  private final Addresses addresses;
  private final Credentials credentials;
  private final Pins pins;
  private final Handshake handshake;
  private final boolean allowSimulated;
  private final Duration timeout;
  private final Executor executor;
  private final ScheduledExecutorService timer;
  private final EvidenceVerifier hardware;
  private final SecureRandom random = new SecureRandom();

  Engine(
      Addresses addresses,
      Credentials credentials,
      Pins pins,
      Handshake handshake,
      boolean allowSimulated,
      EvidenceVerifier hardware,
      Duration timeout,
      Executor executor,
      ScheduledExecutorService timer) {
    this.addresses = addresses;
    this.credentials = credentials;
    this.pins = pins;
    this.handshake = handshake;
    this.allowSimulated = allowSimulated;
    this.hardware = hardware;
    this.timeout = timeout;
    this.executor = executor;
    this.timer = timer;
  }

  String user() {
    return credentials.user();
  }

  /**
   * The pinned group's id.
   *
   * @throws IllegalStateException without pins
   */
  long requireGroup() {
    if (pins == null) {
      throw new IllegalStateException("state that outlives a process needs a client with pins");
    }
    return pins.group().groupId();
  }

  // ---- The two faces ----

  /** Does it on the calling thread. */
  <T> T await(Function<Operation, CompletableFuture<T>> work) {
    try {
      return Threads.onCaller(timer, work);
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException) {
        throw (RuntimeException) e.getCause();
      }
      throw e;
    }
  }

  /** Does it on the executor. Cancelling the result gives the operation up. */
  <T> CompletableFuture<T> async(Function<Operation, CompletableFuture<T>> work) {
    Operation operation = new Operation(executor, timer);
    CompletableFuture<T> result = new CompletableFuture<>();
    Futures.listen(
        work.apply(operation),
        (value, failure) -> {
          if (failure != null) {
            result.completeExceptionally(Operation.cause(failure));
          } else if (!result.complete(value) && value instanceof RestoreResult.Restored) {
            ((RestoreResult.Restored) value).close();
          }
        });
    Futures.listen(
        result,
        (value, failure) -> {
          if (result.isCancelled()) {
            operation.giveUp();
          }
        });
    return result;
  }

  // ---- Operations ----

  /** Takes over the keys and the array. */
  CompletableFuture<BackupResult> backup(
      Operation operation, KeySource keys, byte[] secret, boolean wrap, int maxTries) {
    BackupRun.SecretSource source =
        new BackupRun.SecretSource(keys, user(), secret, wrap, maxTries);
    CompletableFuture<BackupResult> result =
        operation.start(
            nothing -> {
              try {
                hashEarly(keys);
              } catch (FailureException e) {
                return CompletableFuture.completedFuture(new BackupResult.Failed(e.failure()));
              }
              return run(operation, new BackupRun(source, StateSaver.NONE, false));
            });
    return result.whenComplete((value, failure) -> source.close());
  }

  /** Takes over the keys and the array. */
  CompletableFuture<PendingBackup> prepare(
      Operation operation, KeySource keys, byte[] secret, boolean wrap, int maxTries) {
    long groupId = requireGroup();
    CompletableFuture<PendingBackup> result =
        operation.start(
            nothing ->
                CompletableFuture.completedFuture(
                    PendingBackup.prepare(
                        user(), groupId, keys.keys(groupId), secret, wrap, maxTries)));
    return result.whenComplete(
        (value, failure) -> {
          keys.close();
          Secrets.wipe(secret);
        });
  }

  /** The first phase. */
  CompletableFuture<StoreResult> store(
      Operation operation, PendingBackup pending, StateSaver saver) {
    pending.requireFits(user(), requireGroup());
    pending.acquire();
    CompletableFuture<StoreResult> result =
        operation.start(
            nothing -> {
              if (pending.isStored()) {
                return CompletableFuture.completedFuture(new StoreResult.Stored());
              }
              return run(operation, BackupRun.of(pending, saver, true))
                  .thenApply(Engine::storeResult);
            });
    return result.whenComplete((value, failure) -> pending.release());
  }

  private static StoreResult storeResult(BackupResult result) {
    return result instanceof BackupResult.Failed
        ? new StoreResult.Failed(((BackupResult.Failed) result).failure())
        : new StoreResult.Stored();
  }

  /** The second phase; with {@code also} what is left of the first one before. */
  CompletableFuture<BackupResult> resume(
      Operation operation, PendingBackup pending, StateSaver saver, boolean also) {
    pending.requireFits(user(), requireGroup());
    if (!also && !pending.isStored()) {
      throw new IllegalStateException("nothing is stored yet: store comes before expose");
    }
    pending.acquire();
    CompletableFuture<BackupResult> result =
        operation.start(
            nothing -> {
              if (pending.isOver()) {
                return CompletableFuture.completedFuture(
                    pending.phase() == PendingBackup.Phase.EXPOSED
                        ? new BackupResult.Stored()
                        : new BackupResult.ExposeRefused());
              }
              return run(operation, BackupRun.of(pending, saver, false));
            });
    return result.whenComplete((value, failure) -> pending.release());
  }

  /** The second phase of a backup that was not kept as state. Takes the array over. */
  CompletableFuture<BackupResult> expose(Operation operation, byte[] data) {
    PendingBackup pending = PendingBackup.exposeOnly(user(), 0, data);
    Secrets.wipe(data);
    return operation
        .start(nothing -> run(operation, BackupRun.of(pending, StateSaver.NONE, false)))
        .whenComplete((value, failure) -> pending.close());
  }

  private CompletableFuture<BackupResult> run(Operation operation, BackupRun run) {
    return orElse(
        addresses.ask(
            operation, Addresses.ALWAYS, transport -> inSession(operation, transport, run::in)),
        run::failed);
  }

  /** Takes over the keys. */
  CompletableFuture<RestoreResult> restore(Operation operation, KeySource keys, boolean unwrap) {
    CompletableFuture<RestoreResult> result =
        operation.start(
            nothing -> {
              hashEarly(keys);
              return addresses.askOnce(
                  operation,
                  transport ->
                      inSession(operation, transport, session -> restore(session, keys, unwrap)));
            });
    CompletableFuture<RestoreResult> explained =
        result.thenCompose(
            answer ->
                answer instanceof RestoreResult.NothingThere
                    ? explain(operation, (RestoreResult.NothingThere) answer)
                    : CompletableFuture.completedFuture(answer));
    return orElse(explained, RestoreResult.Failed::new)
        .whenComplete((value, failure) -> keys.close());
  }

  private static CompletableFuture<RestoreResult> restore(
      SecureSession session, KeySource source, boolean unwrap) {
    PinKeys keys = source.keys(session.evidence().group().groupId());
    byte[] accessKey = keys.accessKey();
    byte[] request = Requests.restore(accessKey);
    Secrets.wipe(accessKey);
    return Operation.then(
        session.call(request, Responses::restore),
        result -> {
          if (result instanceof RestoreResult.NothingThere) {
            // The same session knows best; without its answer others are asked.
            return session
                .call(Requests.tries(), Responses::tries)
                .handle((tries, failure) -> new RestoreResult.NothingThere(why(tries)));
          }
          if (unwrap && result instanceof RestoreResult.Restored) {
            return CompletableFuture.completedFuture(unwrap((RestoreResult.Restored) result, keys));
          }
          return CompletableFuture.completedFuture(result);
        });
  }

  private static RestoreResult unwrap(RestoreResult.Restored restored, PinKeys keys) {
    byte[] wrapped = restored.data();
    byte[] masterKey = keys.unwrap(wrapped);
    Secrets.wipe(wrapped);
    restored.close();
    return masterKey == null
        ? new RestoreResult.NotUnwrappable()
        : new RestoreResult.Restored(masterKey, restored.tries());
  }

  /** Asks in new sessions what there is after MISSING; that costs no guess. */
  private CompletableFuture<RestoreResult> explain(
      Operation operation, RestoreResult.NothingThere nothing) {
    return nothing.why() != null
        ? CompletableFuture.completedFuture(nothing)
        : tries(operation)
            .thenApply(
                tries -> {
                  RestoreResult.NothingThere.Why why = why(tries);
                  return new RestoreResult.NothingThere(
                      why == null ? RestoreResult.NothingThere.Why.UNKNOWN : why);
                });
  }

  /** Null when there is no answer. */
  private static RestoreResult.NothingThere.Why why(TriesResult tries) {
    if (tries instanceof TriesResult.NothingThere) {
      return RestoreResult.NothingThere.Why.GONE_OR_NEVER_STORED;
    }
    if (!(tries instanceof TriesResult.Left)) {
      return null;
    }
    // Exposed after all: someone stored it between the two requests.
    return ((TriesResult.Left) tries).exposed()
        ? RestoreResult.NothingThere.Why.UNKNOWN
        : RestoreResult.NothingThere.Why.NOT_EXPOSED;
  }

  CompletableFuture<TriesResult> tries(Operation operation) {
    return orElse(
        operation.start(
            nothing ->
                addresses.ask(
                    operation,
                    Addresses.ALWAYS,
                    transport ->
                        inSession(
                            operation,
                            transport,
                            session -> session.call(Requests.tries(), Responses::tries)))),
        TriesResult.Failed::new);
  }

  CompletableFuture<DeleteResult> delete(Operation operation) {
    return orElse(
        operation.start(
            nothing ->
                addresses.askOnce(
                    operation,
                    transport ->
                        inSession(
                            operation,
                            transport,
                            session -> session.call(Requests.delete(), Responses::delete)))),
        DeleteResult.Failed::new);
  }

  CompletableFuture<DeleteResult> deleteWithoutSession(Operation operation) {
    return orElse(
        operation.start(
            nothing ->
                addresses.askOnce(
                    operation, transport -> deleteWithoutSession(operation, transport))),
        DeleteResult.Failed::new);
  }

  private CompletableFuture<DeleteResult> deleteWithoutSession(
      Operation operation, Transport transport) {
    // The transport keeps the time; ours only guards against one that does not.
    return operation
        .await(transport.deleteBackup(credentials, timeout), timeout.plus(timeout))
        .handle(
            (nothing, failure) -> {
              if (failure == null) {
                return new DeleteResult.Deleted();
              }
              TransportException e = TransportException.of(Operation.cause(failure));
              // Credentials are checked before anything is done, so that refusal is clear by
              // itself.
              boolean refused = e.kind() == TransportException.Kind.CREDENTIALS;
              boolean left = e.applied() != TransportException.Applied.NO;
              throw new CompletionException(
                  new FailureException(
                      refused ? SecureSession.notSent(e) : SecureSession.sent(e), left));
            });
  }

  // ---- Common ----

  /** Opens a session, does something in it, closes it. */
  private <T> CompletableFuture<T> inSession(
      Operation operation,
      Transport transport,
      Function<SecureSession, CompletableFuture<T>> work) {
    CompletableFuture<SecureSession> opened;
    try {
      opened =
          SecureSession.open(
              operation, transport, credentials, policy(), handshake, random, timeout);
    } catch (FailureException e) {
      return Futures.failed(e);
    }
    return Operation.then(
        opened, session -> work.apply(session).whenComplete((value, failure) -> session.close()));
  }

  /** Refuses before any connection when no evidence could be accepted. */
  private PinPolicy policy() throws FailureException {
    try {
      return PinPolicy.of(pins, allowSimulated, hardware);
    } catch (EvidenceException e) {
      throw new FailureException(new Failure.Refused(e));
    }
  }

  /** Hashes before a session waits for it; the policy is asked first, so that it is not in vain. */
  private void hashEarly(KeySource keys) throws FailureException {
    policy();
    if (pins != null) {
      keys.keys(pins.group().groupId());
    }
  }

  /** Turns failures into results. Anything else is a bug and stays an exception. */
  private static <T> CompletableFuture<T> orElse(
      CompletableFuture<T> future, Function<Failure, T> failed) {
    return future.handle(
        (value, failure) -> {
          if (failure == null) {
            return value;
          }
          Throwable cause = Operation.cause(failure);
          if (cause instanceof FailureException) {
            return failed.apply(((FailureException) cause).failure());
          }
          throw new CompletionException(cause);
        });
  }
}
