// SPDX-License-Identifier: Apache-2.0
//
// What a client is told when a call ends, as protocol.md §3 says: a gRPC status with a
// google.rpc.ErrorInfo {domain svr2, reason = name of the error, metadata applied = no | unknown}.
package dev.svr2.host.session;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import dev.svr2.enclave.ErrorText;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Error;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Stateless. */
public final class SessionStatus {
  public static final String DOMAIN = "svr2";
  public static final String APPLIED = "applied";

  private SessionStatus() {}

  /**
   * For the end that an enclave gave.
   *
   * @return null for a normal end
   */
  static StatusRuntimeException of(CloseReason reason, Error error) {
    return switch (reason) {
      case CLOSE_REASON_NORMAL -> null;
      case CLOSE_REASON_INVALID_ARGUMENT -> of(Code.INVALID_ARGUMENT, error, false);
      case CLOSE_REASON_NOT_APPLIED -> of(Code.UNAVAILABLE, error, false);
      // What this host does not know may have been applied.
      case CLOSE_REASON_UNKNOWN, CLOSE_REASON_UNSET, UNRECOGNIZED -> of(Code.INTERNAL, error, true);
    };
  }

  /** For an item or a session that went wrong at the host's side of the boundary. */
  static StatusRuntimeException failed(Error error, boolean maybeApplied) {
    return maybeApplied ? of(Code.INTERNAL, error, true) : of(Code.UNAVAILABLE, error, false);
  }

  /** A limit of this host or of its enclave is reached; nothing was applied. */
  static StatusRuntimeException exhausted(String what) {
    return of(Code.RESOURCE_EXHAUSTED, Error.ERROR_CLIENT_TOO_MANY.name(), what, false);
  }

  /** This user has had what the host's limits allow; nothing was applied. */
  static StatusRuntimeException limited(Duration wait) {
    RetryInfo retry =
        RetryInfo.newBuilder()
            .setRetryDelay(
                com.google.protobuf.Duration.newBuilder()
                    .setSeconds(wait.getSeconds())
                    .setNanos(wait.getNano()))
            .build();
    return of(
        Code.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        "too many calls of this user; try again later",
        false,
        Any.pack(retry));
  }

  /** How long to wait, of a status made by {@link #limited}; empty for others. */
  static Optional<Duration> retryAfter(StatusRuntimeException status) {
    return detail(status, RetryInfo.class)
        .map(RetryInfo::getRetryDelay)
        .map(delay -> Duration.ofSeconds(delay.getSeconds()).plusNanos(delay.getNanos()));
  }

  static StatusRuntimeException of(Code code, Error error, boolean maybeApplied) {
    return of(code, error.name(), ErrorText.of(error), maybeApplied);
  }

  static StatusRuntimeException of(
      Code code, String reason, String message, boolean maybeApplied, Any... more) {
    ErrorInfo info =
        ErrorInfo.newBuilder()
            .setDomain(DOMAIN)
            .setReason(reason)
            .putMetadata(APPLIED, maybeApplied ? "unknown" : "no")
            .build();
    return StatusProto.toStatusRuntimeException(
        Status.newBuilder()
            .setCode(code.getNumber())
            .setMessage(message)
            .addDetails(Any.pack(info))
            .addAllDetails(List.of(more))
            .build());
  }

  /** Whether a status made here says that a request may have been applied. */
  static boolean mayBeApplied(StatusRuntimeException status) {
    return !"no".equals(info(status).getMetadataOrDefault(APPLIED, "unknown"));
  }

  /** The name of the error of a status made here. */
  static String reasonOf(StatusRuntimeException status) {
    return info(status).getReason();
  }

  private static ErrorInfo info(StatusRuntimeException failure) {
    return detail(failure, ErrorInfo.class).orElse(ErrorInfo.getDefaultInstance());
  }

  private static <T extends Message> Optional<T> detail(
      StatusRuntimeException failure, Class<T> type) {
    Status details = StatusProto.fromThrowable(failure);
    try {
      for (Any detail : details == null ? List.<Any>of() : details.getDetailsList()) {
        if (detail.is(type)) {
          return Optional.of(detail.unpack(type));
        }
      }
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("made by this class", e);
    }
    return Optional.empty();
  }
}
