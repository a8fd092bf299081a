// SPDX-License-Identifier: Apache-2.0
//
// One client's way into the enclave, from the request for a session to its end.
package dev.svr2.host.enclave;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.google.protobuf.ByteString;
import dev.svr2.proto.ClientClose;
import dev.svr2.proto.ClientInput;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostItem;

/**
 * Made by {@link EnclaveRuntime#openClient}. Thread-safe; no method blocks, and none calls the sink
 * before it returns.
 */
public final class ClientChannel {
  private final EnclaveRuntime runtime;
  private final ClientSink sink;
  final Lane lane = new Lane();

  @GuardedBy("this")
  private long clientId;

  @GuardedBy("this")
  private boolean closed;

  ClientChannel(EnclaveRuntime runtime, ClientSink sink) {
    this.runtime = runtime;
    this.sink = sink;
  }

  /**
   * Sends one item of the client into the enclave, behind those before it.
   *
   * @return {@code CLOSED} also before {@link ClientSink#onOpened} and after {@link #close}
   */
  public Dispatcher.Offer send(ByteString data, Completion completion) {
    long id;
    synchronized (this) {
      if (closed || clientId == 0) {
        return Dispatcher.Offer.CLOSED;
      }
      id = clientId;
    }
    ClientInput input = ClientInput.newBuilder().setClientId(id).setData(data).build();
    return runtime
        .dispatcher()
        .offer(lane, HostItem.newBuilder().setClient(input).build(), completion);
  }

  /**
   * The client went away: the enclave is told once, after what was sent before. The sink hears
   * nothing more. Does nothing after the enclave's own end of the session. Idempotent.
   */
  public void close() {
    long id;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      id = clientId;
    }
    if (id != 0) {
      runtime.forgetClient(id);
      tellClosed(runtime, lane, id);
    }
  }

  /** On the reply to the request for a session. */
  void opened(EnclaveReply reply) {
    long id = reply.getNewClient().getClientId();
    boolean gone;
    synchronized (this) {
      clientId = id;
      gone = closed;
      if (!gone) {
        runtime.registerClient(id, this);
      }
    }
    if (gone) {
      tellClosed(runtime, lane, id);
    } else {
      sink.onOpened(reply.getNewClient().getHandshakeStart());
    }
  }

  /** The enclave ended the session, or is gone. */
  void ended() {
    synchronized (this) {
      closed = true;
    }
  }

  /** False when the sink must hear nothing more. */
  synchronized boolean isOpen() {
    return !closed;
  }

  ClientSink sink() {
    return sink;
  }

  void failed(Error error, boolean maybeApplied) {
    boolean tell;
    synchronized (this) {
      tell = !closed;
      closed = true;
    }
    if (tell) {
      sink.onFailure(error, maybeApplied);
    }
  }

  static void tellClosed(EnclaveRuntime runtime, Lane lane, long clientId) {
    ClientClose close = ClientClose.newBuilder().setClientId(clientId).build();
    // A closed dispatcher has no enclave left that could be told.
    var unused =
        runtime
            .dispatcher()
            .offerAlways(
                lane, HostItem.newBuilder().setClientClose(close).build(), Completion.NONE);
  }
}
