// SPDX-License-Identifier: Apache-2.0
//
// Which address to connect to, and when: every address of the directory whose enclave has no
// connection, with pauses that grow.
package dev.svr2.host.peer;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostPort;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoubleSupplier;
import java.util.function.Predicate;

/** Thread-safe; calls nobody while it holds its lock, but the predicate it is given. */
final class Dialer {
  /**
   * An address where this host itself answers is left alone for this long. Not for good, since
   * whoever answers there can say whatever it likes.
   */
  static final Duration SELF = Duration.ofMinutes(1);

  /** An address, and the enclave that was last there; null while nobody has said. */
  record Known(HostPort address, ByteString peerId) {}

  private static final class Target {
    final Backoff backoff;
    boolean open;
    long nextNanos;
    ByteString peerId;

    Target(Backoff backoff, long nextNanos) {
      this.backoff = backoff;
      this.nextNanos = nextNanos;
    }
  }

  private final PeerDirectory directory;
  private final Duration min;
  private final Duration max;
  private final DoubleSupplier random;

  @GuardedBy("this")
  private final Map<HostPort, Target> targets = new LinkedHashMap<>();

  Dialer(PeerDirectory directory, Duration min, Duration max, DoubleSupplier random) {
    this.directory = directory;
    this.min = min;
    this.max = max;
    this.random = random;
  }

  /**
   * The addresses to dial now. Each must be given back by {@link #ended}.
   *
   * @param isBound tells whether a peer has a connection
   */
  synchronized List<HostPort> due(long now, Predicate<ByteString> isBound) {
    Set<HostPort> wanted = directory.addresses();
    targets.entrySet().removeIf(e -> !e.getValue().open && !wanted.contains(e.getKey()));
    List<HostPort> due = new ArrayList<>();
    for (HostPort address : wanted) {
      Target target =
          targets.computeIfAbsent(address, a -> new Target(new Backoff(min, max, random), now));
      boolean served = target.peerId != null && isBound.test(target.peerId);
      if (!target.open && !served && target.nextNanos - now <= 0) {
        target.open = true;
        due.add(address);
      }
    }
    return due;
  }

  /**
   * An address has said which enclave is there.
   *
   * @return the enclave that was there before and is no more
   */
  synchronized Optional<ByteString> learned(HostPort address, ByteString peerId) {
    Target target = targets.get(address);
    if (target == null || peerId.equals(target.peerId)) {
      return Optional.empty();
    }
    ByteString before = target.peerId;
    target.peerId = peerId;
    boolean elsewhere =
        targets.values().stream().anyMatch(t -> before != null && before.equals(t.peerId));
    return elsewhere ? Optional.empty() : Optional.ofNullable(before);
  }

  /** What was dialled has ended, or never began. */
  enum End {
    /** It stood. */
    LOST,
    /** Another connection serves, or the address is this host's own. */
    NOT_NEEDED,
    FAILED
  }

  synchronized void ended(HostPort address, End end, boolean self, long now) {
    Target target = targets.get(address);
    if (target == null) {
      return;
    }
    target.open = false;
    if (end == End.LOST) {
      target.backoff.succeeded();
    }
    target.nextNanos = now + (self ? SELF.toNanos() : target.backoff.failed());
  }

  /** Somebody needs a way to this peer: whatever may be it is tried at once. */
  synchronized void hurry(ByteString peerId, long now) {
    for (Target target : targets.values()) {
      boolean candidate = target.peerId == null || target.peerId.equals(peerId);
      if (candidate && !target.open) {
        target.nextNanos = Math.min(target.nextNanos, now);
      }
    }
  }

  synchronized List<Known> known() {
    return targets.entrySet().stream()
        .map(e -> new Known(e.getKey(), e.getValue().peerId))
        .toList();
  }
}
