// SPDX-License-Identifier: Apache-2.0
//
// Hears the answer to DeleteBackup.
package dev.svr2.client.grpc;

import dev.svr2.client.transport.TransportException;
import dev.svr2.proto.DeleteBackupResult;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.concurrent.BlockingQueue;

/** Hands the call's end to a waiting thread. Called by gRPC, one event at a time. */
final class DeleteListener extends ClientCall.Listener<DeleteBackupResult> {
  private final BlockingQueue<TransportException> ends;
  private volatile boolean answered;

  DeleteListener(BlockingQueue<TransportException> ends) {
    this.ends = ends;
  }

  @Override
  public void onMessage(DeleteBackupResult message) {
    answered = true;
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    ends.add(StatusMapping.toException(status, trailers));
  }

  /** True when a result came, which the status must confirm. */
  boolean answered() {
    return answered;
  }
}
