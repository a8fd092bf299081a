// SPDX-License-Identifier: Apache-2.0
//
// One client session: a client's connection on one side, a client of the enclave on the other
// (protocol.md §1).
package dev.svr2.host.session;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.google.protobuf.ByteString;
import com.google.rpc.Code;
import dev.svr2.host.enclave.ClientChannel;
import dev.svr2.host.enclave.ClientSink;
import dev.svr2.host.enclave.Completion;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Error;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayDeque;
import java.util.function.LongSupplier;

/**
 * Flow control, both ways. Inwards the stream is asked for its next item only when the one before
 * is in the enclave and the client has taken what came out, so a client holds one item of the queue
 * at most, and one that does not read is not read from. Outwards items wait here while the
 * transport is not ready, up to a bound.
 *
 * <p>Three kinds of threads meet here: the transport's (inbound items, readiness, cancellation),
 * those inside the enclave (outputs) and the host's timer (idleness, shutdown). The monitor makes
 * one sequence of them; nothing that is called under it blocks.
 */
final class Session implements ClientSink, Completion {
  /** Settings and common parts of all sessions of a host. */
  record Shared(
      int itemMaxBytes, long outboundMaxBytes, LongSupplier nanoTime, Listener listener) {}

  /** Told of each session's life. Called under the session's monitor; must not block. */
  interface Listener {
    void onOpened(Session session);

    void onEnded(Session session, Status.Code status);
  }

  /** How to end; null for a normal end. */
  private record Ending(StatusRuntimeException status) {}

  private final Outlet outlet;
  private final Shared shared;

  @GuardedBy("this")
  private final ArrayDeque<ByteString> outbound = new ArrayDeque<>(2);

  @GuardedBy("this")
  private long outboundBytes;

  // Set when the session ends with what is in `outbound` still to be sent first.
  @GuardedBy("this")
  private Ending endWhenSent;

  /** Items of the client in the enclave, or on the way there, that were not answered. */
  @GuardedBy("this")
  private int unanswered;

  // An item of the client is on its way into the enclave.
  @GuardedBy("this")
  private boolean sending;

  @GuardedBy("this")
  private boolean clientIsDone;

  @GuardedBy("this")
  private boolean draining;

  @GuardedBy("this")
  private boolean requested;

  @GuardedBy("this")
  private boolean opened;

  @GuardedBy("this")
  private boolean ended;

  @GuardedBy("this")
  private ClientChannel channel;

  private volatile long lastActivityNanos;

  Session(Outlet outlet, Shared shared) {
    this.outlet = outlet;
    this.shared = shared;
    this.lastActivityNanos = shared.nanoTime().getAsLong();
  }

  /** Once, when the outlet can be used. */
  synchronized void start(EnclaveRuntime runtime, byte[] backupId) {
    channel = runtime.openClient(backupId, this);
    if (ended) {
      channel.close(); // It failed before there was a channel to close.
    }
  }

  /** Instead of {@link #start}: ends without having begun. */
  synchronized void refuse(StatusRuntimeException why) {
    end(why);
  }

  // From the enclave.

  @Override
  public synchronized void onOpened(ByteString handshakeStart) {
    if (ended) {
      return;
    }
    opened = true;
    shared.listener().onOpened(this);
    send(handshakeStart);
  }

  @Override
  public synchronized void onOutput(ByteString data, CloseReason fin, Error error) {
    if (ended || endWhenSent != null) {
      return;
    }
    if (unanswered > 0) {
      unanswered--;
    }
    if (fin != CloseReason.CLOSE_REASON_UNSET) {
      endWhenSent = new Ending(SessionStatus.of(fin, error));
    } else if (draining && unanswered == 0) {
      endWhenSent = new Ending(SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, false));
    } else if (clientIsDone && unanswered == 0) {
      endWhenSent = new Ending(null);
    }
    if (!data.isEmpty()) {
      send(data);
    } else {
      drain();
    }
  }

  @Override
  public synchronized void onFailure(Error error, boolean maybeApplied) {
    if (error == Error.ERROR_CLIENT_TOO_MANY && !maybeApplied) {
      end(SessionStatus.exhausted("too many sessions or a full queue; try again later"));
    } else {
      end(SessionStatus.failed(error, maybeApplied && unanswered > 0));
    }
  }

  // From the dispatcher, about the item that is on its way in.

  @Override
  public synchronized void handedIn() {
    sending = false;
    requestNext();
  }

  @Override
  public synchronized void failed(Error error, boolean maybeApplied) {
    end(SessionStatus.failed(error, maybeApplied || unanswered > 1));
  }

  // From the transport.

  /** One item, which was asked for. */
  synchronized void onItem(ByteString item) {
    requested = false;
    if (ended || endWhenSent != null) {
      return;
    }
    touch();
    if (item.size() > shared.itemMaxBytes()) {
      boolean maybeApplied = unanswered > 0;
      end(SessionStatus.of(Code.INVALID_ARGUMENT, Error.ERROR_CLIENT_ITEM_TOO_LARGE, maybeApplied));
      return;
    }
    sending = true;
    unanswered++;
    switch (channel.send(item, this)) {
      case TAKEN -> {}
      case FULL -> refuse();
      case CLOSED -> end(SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, unanswered > 1));
    }
  }

  /** The queue is full: this item never went in, but one before it may be without an answer. */
  @GuardedBy("this")
  private void refuse() {
    if (unanswered > 1) {
      end(SessionStatus.failed(Error.ERROR_CLIENT_BUSY, true));
    } else {
      end(
          SessionStatus.exhausted(
              "the host's queue is full; nothing was applied, try again later"));
    }
  }

  /** The client sends nothing more, and waits for answers that are under way. */
  synchronized void onClientDone() {
    clientIsDone = true;
    if (unanswered == 0 && endWhenSent == null) {
      endWhenSent = new Ending(null);
      drain();
    }
  }

  /** A WebSocket carried text, where items are binary. */
  synchronized void onTextMessage() {
    end(
        SessionStatus.of(
            Code.INVALID_ARGUMENT,
            Error.ERROR_CLIENT_MALFORMED_REQUEST.name(),
            "an item is a binary message",
            unanswered > 0));
  }

  /** The connection is gone. */
  synchronized void onCancelled() {
    if (!ended) {
      ended = true;
      finish(Status.Code.CANCELLED);
    }
  }

  /** The connection takes more again. */
  synchronized void onReady() {
    drain();
  }

  // From the timer.

  /** Ends the session when nothing was read or written for so long. */
  void endIfIdle(long idleNanos) {
    if (shared.nanoTime().getAsLong() - lastActivityNanos < idleNanos) {
      return;
    }
    synchronized (this) {
      end(SessionStatus.failed(Error.ERROR_CLIENT_IDLE, unanswered > 0));
    }
  }

  /** The host shuts down: ends now, or when the request that is under way has its answer. */
  synchronized void endWhenAnswered() {
    draining = true;
    if (unanswered == 0) {
      endForShutdown();
    }
  }

  /** The host shuts down and does not wait any longer. */
  synchronized void endNow() {
    endForShutdown();
  }

  @GuardedBy("this")
  private void endForShutdown() {
    end(SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, unanswered > 0));
  }

  // Outbound.

  @GuardedBy("this")
  private void send(ByteString data) {
    outbound.addLast(data);
    outboundBytes += data.size();
    drain();
    if (!ended && outboundBytes > shared.outboundMaxBytes()) {
      end(
          SessionStatus.of(
              Code.RESOURCE_EXHAUSTED,
              "SLOW_CLIENT",
              "the client does not read what it is sent",
              unanswered > 0));
    }
  }

  @GuardedBy("this")
  private void drain() {
    while (!ended && !outbound.isEmpty() && outlet.isReady()) {
      ByteString data = outbound.removeFirst();
      outboundBytes -= data.size();
      touch();
      outlet.send(data);
    }
    if (!ended && outbound.isEmpty()) {
      if (endWhenSent != null) {
        end(endWhenSent.status());
      } else {
        requestNext();
      }
    }
  }

  @GuardedBy("this")
  private void requestNext() {
    if (opened && !ended && !sending && !requested && !clientIsDone && outbound.isEmpty()) {
      requested = true;
      outlet.request();
    }
  }

  private void touch() {
    lastActivityNanos = shared.nanoTime().getAsLong();
  }

  /**
   * @param status null for a normal end
   */
  @GuardedBy("this")
  private void end(StatusRuntimeException status) {
    if (ended) {
      return;
    }
    ended = true;
    outlet.end(status);
    finish(status == null ? Status.Code.OK : status.getStatus().getCode());
  }

  @GuardedBy("this")
  private void finish(Status.Code status) {
    outbound.clear();
    outboundBytes = 0;
    if (channel != null) {
      channel.close();
    }
    shared.listener().onEnded(this, status);
  }
}
