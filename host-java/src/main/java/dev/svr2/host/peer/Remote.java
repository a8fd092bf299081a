// SPDX-License-Identifier: Apache-2.0
//
// Notes from where a call comes, for log lines. With certificates, who it is will be noted here,
// too.
package dev.svr2.host.peer;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/** Stateless. */
final class Remote implements ServerInterceptor {
  /** In calls that this has intercepted. */
  static final Context.Key<String> CURRENT =
      Context.keyWithDefault("svr2-peer-remote", "somewhere");

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    Object address = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
    String text = String.valueOf(address).replaceFirst("^/", "");
    return Contexts.interceptCall(Context.current().withValue(CURRENT, text), call, headers, next);
  }
}
