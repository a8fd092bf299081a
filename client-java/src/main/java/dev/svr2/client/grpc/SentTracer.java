// SPDX-License-Identifier: Apache-2.0
//
// Tells a call that never left from one that may have been acted upon.
package dev.svr2.client.grpc;

import io.grpc.Attributes;
import io.grpc.ClientStreamTracer;
import io.grpc.Metadata;

/**
 * Notes whether a call got a stream on a connected transport. Without one nothing of it can have
 * reached a server, whatever the status says. For one call.
 */
final class SentTracer extends ClientStreamTracer.Factory {
  private volatile boolean mayHaveLeft;

  @Override
  public ClientStreamTracer newClientStreamTracer(
      ClientStreamTracer.StreamInfo info, Metadata headers) {
    return new ClientStreamTracer() {
      @Override
      public void streamCreated(Attributes transportAttributes, Metadata headersSent) {
        mayHaveLeft = true;
      }

      @Override
      public void outboundHeaders() {
        mayHaveLeft = true;
      }
    };
  }

  boolean mayHaveLeft() {
    return mayHaveLeft;
  }
}
