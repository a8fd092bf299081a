// SPDX-License-Identifier: Apache-2.0
//
// Hears the answer to DeleteBackup.
package dev.svr2.client.grpc;

import dev.svr2.client.transport.TransportException;
import dev.svr2.client.transport.TransportException.Applied;
import dev.svr2.proto.DeleteBackupResult;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.concurrent.CompletableFuture;

/** Completes a future with the call's end. Called by gRPC, one event at a time. */
final class DeleteListener extends ClientCall.Listener<DeleteBackupResult> {
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private final SentTracer tracer;
  private boolean answered;

  DeleteListener(SentTracer tracer) {
    this.tracer = tracer;
  }

  @Override
  public void onMessage(DeleteBackupResult message) {
    answered = true;
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    TransportException end = StatusMapping.toException(status, trailers);
    if (end.kind() == TransportException.Kind.CLOSED && answered) {
      done.complete(null);
      return;
    }
    Applied applied = tracer.mayHaveLeft() ? end.applied() : Applied.NO;
    done.completeExceptionally(new TransportException(end.kind(), applied, end.getMessage()));
  }

  /** Done when a result came that the status confirms. */
  CompletableFuture<Void> done() {
    return done;
  }
}
