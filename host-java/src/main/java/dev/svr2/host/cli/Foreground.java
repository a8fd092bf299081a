// SPDX-License-Identifier: Apache-2.0
//
// Keeps a host in the foreground: READY, then until a signal or the enclave's end, then an orderly
// shutdown with a deadline.
package dev.svr2.host.cli;

import dev.svr2.host.Host;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.proto.GetStatusResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One host's life. Used by one thread. */
final class Foreground {
  private static final Logger LOG = LoggerFactory.getLogger(Foreground.class);
  private static final long POLL_MS = 50;

  private final Host host;
  private final Duration deadline;
  private final Runnable halt;
  private final CountDownLatch stop = new CountDownLatch(1);
  private final AtomicBoolean signalled = new AtomicBoolean();

  Foreground(Host host, Duration deadline) {
    this(host, deadline, () -> Runtime.getRuntime().halt(ExitCode.FAILED));
  }

  /** As above, with another way to end the process at once. */
  Foreground(Host host, Duration deadline, Runnable halt) {
    this.host = host;
    this.deadline = deadline;
    this.halt = halt;
    var unused = host.termination().thenRun(stop::countDown);
  }

  /**
   * From now on SIGTERM and Ctrl-C begin the shutdown; the second of them ends the process at once.
   */
  Foreground catchSignals() {
    Signals.handle("TERM", this::stopOrHalt);
    Signals.handle("INT", this::stopOrHalt);
    return this;
  }

  /**
   * For a host that another program started, and which decides about it. SIGTERM begins the
   * shutdown, however often it comes: what sends it to a whole group of processes reaches both.
   * Ctrl-C is the other program's matter. The end of {@code parent}, a pipe that ends with the
   * other program however that ends, begins the shutdown, too.
   */
  Foreground obey(InputStream parent) {
    Signals.handle(
        "TERM",
        () -> {
          signalled.set(true);
          stop.countDown();
        });
    Signals.handle("INT", () -> {});
    Thread watch =
        new Thread(
            () -> {
              awaitEnd(parent);
              if (!signalled.get()) {
                LOG.warn("what started this host has ended");
              }
              stop.countDown();
            },
            "svr2-parent");
    watch.setDaemon(true);
    watch.start();
    return this;
  }

  private static void awaitEnd(InputStream parent) {
    try {
      while (parent.read() >= 0) {
        // What it says means nothing.
      }
    } catch (IOException e) {
      LOG.debug("the parent's pipe broke", e);
    }
  }

  /** A signal came. Not by `stop` but by itself: the enclave's own end is no first signal. */
  void stopOrHalt() {
    if (!signalled.compareAndSet(false, true)) {
      LOG.warn("a second signal: ending at once");
      halt.run();
    }
    stop.countDown();
  }

  /**
   * Waits until a client request can be answered, logging what it waits for. False when told to
   * stop before.
   */
  boolean awaitReady() throws InterruptedException {
    String lastReason = "";
    while (true) {
      String reason = notReadyReason();
      if (reason.isEmpty()) {
        return true;
      }
      if (!reason.equals(lastReason)) {
        LOG.info("not ready: {}", reason);
        lastReason = reason;
      }
      if (stop.await(POLL_MS, TimeUnit.MILLISECONDS)) {
        return false;
      }
    }
  }

  private String notReadyReason() throws InterruptedException {
    try {
      GetStatusResponse status = host.operations().status().get();
      if (!status.getReady()) {
        return status.getNotReadyReason();
      }
      var unused = host.operations().evidence().get();
      return "";
    } catch (ExecutionException e) {
      return "there is no evidence: " + e.getCause().getMessage();
    }
  }

  /** The one line of standard output that starts with READY. */
  void printReady(PrintWriter out) {
    out.println(
        "READY client=%s control=%s%s"
            .formatted(
                host.clientAddress(),
                host.controlAddress(),
                host.isProtected() ? "" : " NOT PROTECTED"));
    out.flush();
  }

  /** Waits for a signal or the enclave's end, shuts down, and returns the exit code. */
  int untilEnd() throws InterruptedException {
    stop.await();
    Thread watchdog = new Thread(this::haltAtDeadline, "svr2-shutdown-deadline");
    watchdog.setDaemon(true);
    watchdog.start();
    host.close();
    if (!host.termination().isDone()) {
      return ExitCode.DONE;
    }
    return host.termination().join().end() == EnclaveRuntime.End.ABORTED
        ? ExitCode.ENCLAVE_ABORTED
        : ExitCode.ENCLAVE_STOPPED;
  }

  private void haltAtDeadline() {
    try {
      TimeUnit.MILLISECONDS.sleep(deadline.toMillis());
    } catch (InterruptedException e) {
      return;
    }
    LOG.error("the shutdown took longer than {} ms: ending at once", deadline.toMillis());
    halt.run();
  }
}
