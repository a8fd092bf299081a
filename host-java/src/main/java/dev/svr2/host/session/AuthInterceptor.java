// SPDX-License-Identifier: Apache-2.0
//
// Lets only calls with good credentials reach the client service, and tells it whose they are.
package dev.svr2.host.session;

import com.google.rpc.Code;
import dev.svr2.host.auth.Authenticator;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.HostMetrics;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. */
final class AuthInterceptor implements ServerInterceptor {
  static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** The caller's 16-byte id; set in every call that passed. */
  static final Context.Key<byte[]> BACKUP_ID = Context.key("svr2-backup-id");

  private static final Logger LOG = LoggerFactory.getLogger(AuthInterceptor.class);

  private final Throttle refusedLines = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final Authenticator authenticator;
  private final HostMetrics metrics;

  AuthInterceptor(Authenticator authenticator, HostMetrics metrics) {
    this.authenticator = authenticator;
    this.metrics = metrics;
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    Optional<byte[]> backupId = authenticator.authenticate(headers.get(AUTHORIZATION));
    if (backupId.isEmpty()) {
      metrics.authFailures.increment();
      long refused = refusedLines.note();
      if (refused > 0) {
        // Neither who nor with what: the log must not hold ids, nor guesses at credentials.
        LOG.warn("credentials refused: {} calls since the last such line", refused);
      }
      StatusRuntimeException refusal =
          SessionStatus.of(
              Code.UNAUTHENTICATED,
              "BAD_CREDENTIALS",
              "the credentials are missing, wrong or too old",
              false);
      call.close(refusal.getStatus(), trailers(refusal));
      return new ServerCall.Listener<>() {};
    }
    return Contexts.interceptCall(
        Context.current().withValue(BACKUP_ID, backupId.get()), call, headers, next);
  }

  private static Metadata trailers(StatusRuntimeException refusal) {
    Metadata trailers = Status.trailersFromThrowable(refusal);
    return trailers == null ? new Metadata() : trailers;
  }
}
