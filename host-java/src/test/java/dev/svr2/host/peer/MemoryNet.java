// SPDX-License-Identifier: Apache-2.0
//
// Hosts in one thread, with a clock that the test moves: every event (a frame that arrives, a task,
// the end of a connection) happens when the test says so, so that a connection can be cut between
// any
// two.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.fail;

import dev.svr2.host.config.HostPort;
import dev.svr2.proto.PeerFrame;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** For one thread. */
final class MemoryNet implements Net {
  private static final int READY_FRAMES = 4;
  private static final Duration TICK = Duration.ofMillis(25);
  private static final int PATIENCE_TICKS = 4_000;

  private final ArrayDeque<Runnable> events = new ArrayDeque<>();
  private final Map<HostPort, PeerTransport> hosts = new LinkedHashMap<>();
  private final Map<PeerTransport, Boolean> all = new HashMap<>();
  private final List<End> ends = new ArrayList<>();
  private long nanos = 1;
  private int ports;

  /** Connections stand but carry nothing any more, and nobody is told. */
  boolean blackHole;

  /** Connections that were opened so far. */
  int opened;

  /** One side of a connection. */
  final class End implements Wire {
    private Wire.Listener listener;
    private End other;
    private final ArrayDeque<PeerFrame> incoming = new ArrayDeque<>();
    private int credits;
    private boolean closed;
    private boolean wasFull;

    @Override
    public void send(PeerFrame frame) {
      if (closed || blackHole) {
        return;
      }
      other.incoming.add(frame);
      other.deliverLater();
      wasFull |= !isReady();
    }

    @Override
    public boolean isReady() {
      return closed || other.incoming.size() < READY_FRAMES;
    }

    @Override
    public void request() {
      credits++;
      deliverLater();
    }

    private void deliverLater() {
      events.add(this::deliver);
    }

    private void deliver() {
      if (closed || credits == 0 || incoming.isEmpty()) {
        return;
      }
      credits--;
      PeerFrame frame = incoming.remove();
      if (other.wasFull && other.isReady()) {
        other.wasFull = false;
        events.add(
            () -> {
              if (!other.closed) {
                other.listener.onReady();
              }
            });
      }
      listener.onFrame(frame);
    }

    @Override
    public void close(Status why) {
      if (!closed) {
        closed = true;
        ends.remove(this);
        if (!blackHole) {
          events.add(() -> other.closedByOther(why));
        }
      }
    }

    void closedByOther(Status why) {
      if (!closed) {
        closed = true;
        ends.remove(this);
        listener.onClosed(why);
      }
    }
  }

  /** A connection whose other end the test holds itself. */
  End dialRaw(HostPort address, Wire.Listener listener) {
    opened++;
    End client = new End();
    client.listener = listener;
    PeerStream accepted = hosts.get(address).accept("memory");
    End server = new End();
    server.listener = accepted;
    client.other = server;
    server.other = client;
    ends.add(client);
    ends.add(server);
    accepted.start(server);
    return client;
  }

  @Override
  public HostPort newAddress() {
    ports++;
    return new HostPort("memory", ports);
  }

  @Override
  public void listen(HostPort address, PeerTransport transport) {
    hosts.put(address, transport);
    all.put(transport, true);
  }

  @Override
  public PeerTransport.Connector connector() {
    return (address, stream) -> {
      if (!hosts.containsKey(address) || blackHole) {
        events.add(() -> stream.onClosed(Status.UNAVAILABLE.withDescription("nobody there")));
        return;
      }
      stream.start(dialRaw(address, stream));
    };
  }

  @Override
  public Executor executor() {
    return events::add;
  }

  @Override
  public LongSupplier nanoTime() {
    return () -> nanos;
  }

  @Override
  public void cutAll() {
    for (End end : List.copyOf(ends)) {
      end.closedByOther(Status.UNAVAILABLE.withDescription("cut"));
    }
  }

  @Override
  public void silence(HostPort address) {
    PeerTransport gone = hosts.remove(address);
    if (gone != null) {
      all.remove(gone);
      gone.close();
    }
  }

  @Override
  public void pass(Duration time) {
    for (Duration gone = Duration.ZERO; gone.compareTo(time) < 0; gone = gone.plus(TICK)) {
      tick();
      run();
    }
  }

  /** A tick of all hosts; what follows from it does not happen yet. */
  void tick() {
    nanos += TICK.toNanos();
    List.copyOf(all.keySet()).forEach(PeerTransport::tick);
  }

  /** One event; false when there is none. */
  boolean step() {
    Runnable event = events.poll();
    if (event == null) {
      return false;
    }
    event.run();
    return true;
  }

  /** All events, and those that follow. */
  void run() {
    while (step()) {}
  }

  @Override
  public void await(String what, BooleanSupplier condition) {
    run();
    for (int i = 0; i < PATIENCE_TICKS; i++) {
      if (condition.getAsBoolean()) {
        return;
      }
      tick();
      run();
    }
    fail("never: " + what);
  }

  @Override
  public void close() {
    List.copyOf(all.keySet()).forEach(PeerTransport::close);
  }
}
