// SPDX-License-Identifier: Apache-2.0
//
// Lets only calls with good credentials reach the client service, and tells it whose they are.
package dev.svr2.host.session;

import com.google.rpc.Code;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Optional;
import java.util.function.Function;

/** Thread-safe. */
final class AuthInterceptor implements ServerInterceptor {
  static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** The caller's 16-byte id; set in every call that passed. */
  static final Context.Key<byte[]> BACKUP_ID = Context.key("svr2-backup-id");

  private final Function<String, Optional<byte[]>> authenticate;

  /**
   * Before a service.
   *
   * @param authenticate takes the header's value, null when there is none
   */
  AuthInterceptor(Function<String, Optional<byte[]>> authenticate) {
    this.authenticate = authenticate;
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    Optional<byte[]> backupId = authenticate.apply(headers.get(AUTHORIZATION));
    if (backupId.isEmpty()) {
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
