// SPDX-License-Identifier: Apache-2.0
//
// Between a client and its replicas: writes down which requests left and which were answered, told
// apart by their size, and springs at one chosen point of a session.
package dev.svr2.host.chaos;

import dev.svr2.client.Credentials;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** For one operation of one client. Thread-safe. */
final class Trap {
  /** Where in a session it springs. */
  enum Point {
    OPEN,
    EVIDENCE,
    BEFORE_HANDSHAKE,
    AFTER_HANDSHAKE,
    HANDSHAKE_ANSWER,
    BEFORE_FIRST_REQUEST,
    AFTER_FIRST_REQUEST,
    FIRST_ANSWER,
    BEFORE_SECOND_REQUEST,
    AFTER_SECOND_REQUEST,
    SECOND_ANSWER;

    static final List<Point> SENDING =
        List.of(BEFORE_HANDSHAKE, BEFORE_FIRST_REQUEST, BEFORE_SECOND_REQUEST);
    static final List<Point> SENT =
        List.of(AFTER_HANDSHAKE, AFTER_FIRST_REQUEST, AFTER_SECOND_REQUEST);
    static final List<Point> RECEIVED =
        List.of(EVIDENCE, HANDSHAKE_ANSWER, FIRST_ANSWER, SECOND_ANSWER);

    /** A restore has one request; what follows it is no step of it. */
    boolean isOfRestore() {
      return compareTo(FIRST_ANSWER) <= 0;
    }
  }

  /** What a request is, by the bytes that it has when secrets have 16. */
  enum Kind {
    BACKUP,
    EXPOSE,
    RESTORE,
    TRIES;

    static Kind ofItem(int bytes) {
      // Noise adds 16; a message in a message and its fields two each, but for tries, which has
      // none.
      return switch (bytes - 16) {
        case 2 -> TRIES;
        case 2 + 2 + 16 -> EXPOSE;
        case 2 + 2 + 32 -> RESTORE;
        default -> BACKUP;
      };
    }
  }

  /** One request that was given to a transport. */
  static final class Exchange {
    final Kind kind;
    volatile boolean answered;

    Exchange(Kind kind) {
      this.kind = kind;
    }
  }

  /** What happens at the point: the replica that this session is with. */
  interface Spring {
    void at(int replica);
  }

  private final Point point;
  private final Spring spring;
  private final List<Exchange> exchanges = new ArrayList<>();
  private boolean sprung;

  Trap(Point point, Spring spring) {
    this.point = point;
    this.spring = spring;
  }

  private void reach(Point reached, int replica) {
    synchronized (this) {
      if (sprung || reached != point) {
        return;
      }
      sprung = true;
    }
    spring.at(replica);
  }

  /** The point was reached. */
  synchronized boolean hasSprung() {
    return sprung;
  }

  /** All requests so far, in order. */
  synchronized List<Exchange> exchanges() {
    return List.copyOf(exchanges);
  }

  private synchronized Exchange add(Kind kind) {
    Exchange exchange = new Exchange(kind);
    exchanges.add(exchange);
    return exchange;
  }

  /** A way to that replica, with the trap on it. */
  Transport on(Transport transport, int replica) {
    return new Transport() {
      @Override
      public Stream open(Credentials credentials) {
        reach(Point.OPEN, replica);
        return new Watched(transport.open(credentials), replica);
      }

      @Override
      public CompletableFuture<Void> deleteBackup(Credentials credentials, Duration timeout) {
        return transport.deleteBackup(credentials, timeout);
      }

      @Override
      public void close() {}
    };
  }

  /** One session; items of number 0 are the handshake's. */
  private final class Watched implements Transport.Stream {
    private final Transport.Stream stream;
    private final int replica;
    private int sent;
    private int received;
    private Exchange last;

    Watched(Transport.Stream stream, int replica) {
      this.stream = stream;
      this.replica = replica;
    }

    @Override
    public void send(byte[] item) throws TransportException {
      int number = sent++;
      if (number < Point.SENDING.size()) {
        reach(Point.SENDING.get(number), replica);
      }
      stream.send(item);
      last = number == 0 ? null : add(Kind.ofItem(item.length));
      if (number < Point.SENT.size()) {
        reach(Point.SENT.get(number), replica);
      }
    }

    @Override
    public CompletableFuture<byte[]> receive() {
      int number = received++;
      Exchange asked = last;
      return stream
          .receive()
          .thenApply(
              item -> {
                if (asked != null) {
                  asked.answered = true;
                }
                if (number < Point.RECEIVED.size()) {
                  reach(Point.RECEIVED.get(number), replica);
                }
                return item;
              });
    }

    @Override
    public void close() {
      stream.close();
    }
  }
}
