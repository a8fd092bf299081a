// SPDX-License-Identifier: Apache-2.0
//
// What a gRPC status says in the words of a transport. Whether something was applied stands in a
// google.rpc.ErrorInfo: domain "svr2", metadata applied = no | unknown. Source: protocol.md §3.
package dev.svr2.client.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import dev.svr2.client.transport.TransportException;
import dev.svr2.client.transport.TransportException.Applied;
import dev.svr2.client.transport.TransportException.Kind;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;

/** Maps the end of a call. Stateless. */
final class StatusMapping {
  private static final String DOMAIN = "svr2";

  private StatusMapping() {}

  /** The exception for a call that ended so; status OK gives kind CLOSED. */
  static TransportException toException(Status status, Metadata trailers) {
    ErrorInfo info = errorInfo(status, trailers);
    boolean notApplied = info != null && "no".equals(info.getMetadataMap().get("applied"));
    return new TransportException(
        kind(status.getCode()),
        notApplied ? Applied.NO : Applied.UNKNOWN,
        text(status, info),
        info == null ? "" : info.getReason());
  }

  private static Kind kind(Status.Code code) {
    switch (code) {
      case OK:
        return Kind.CLOSED;
      case UNAUTHENTICATED:
      case PERMISSION_DENIED:
        return Kind.CREDENTIALS;
      case RESOURCE_EXHAUSTED:
        return Kind.RATE_LIMITED;
      case INVALID_ARGUMENT:
      case UNIMPLEMENTED:
        return Kind.REJECTED;
      case UNAVAILABLE:
        return Kind.UNAVAILABLE;
      case DEADLINE_EXCEEDED:
        return Kind.TIMEOUT;
      default:
        return Kind.INTERNAL;
    }
  }

  private static String text(Status status, ErrorInfo info) {
    StringBuilder out = new StringBuilder(status.getCode().toString());
    if (info != null && !info.getReason().isEmpty()) {
      out.append(' ').append(info.getReason());
    }
    if (status.getDescription() != null) {
      out.append(": ").append(status.getDescription());
    }
    // The cause is of our own side (connection refused, unknown host); servers cannot send one.
    Throwable cause = status.getCause();
    if (cause != null && cause.getMessage() != null) {
      out.append(" (").append(cause.getMessage()).append(')');
    }
    return out.toString();
  }

  private static ErrorInfo errorInfo(Status status, Metadata trailers) {
    try {
      com.google.rpc.Status details = StatusProto.fromStatusAndTrailers(status, trailers);
      for (Any detail : details.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          if (info.getDomain().equals(DOMAIN)) {
            return info;
          }
        }
      }
    } catch (InvalidProtocolBufferException | RuntimeException e) {
      // A server can put anything there. What cannot be read promises nothing: unknown.
      return null;
    }
    return null;
  }
}
