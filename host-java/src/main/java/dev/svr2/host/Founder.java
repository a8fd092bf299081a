// SPDX-License-Identifier: Apache-2.0
//
// Founds the group, if this host is the first ever to claim that. All others have joined or wait.
package dev.svr2.host;

import dev.svr2.host.control.Operations;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.peer.RedisDirectory;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One attempt after the other on a thread of its own, until the question is settled. */
final class Founder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Founder.class);
  private static final long PAUSE_MS = 500;
  private static final long PATIENCE_SECONDS = 15;

  private final RedisDirectory directory;
  private final Supplier<EnclaveRuntime> runtime;
  private final Operations operations;
  private final Throttle lines = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "svr2-founder");
            thread.setDaemon(true);
            return thread;
          });
  private boolean claimed;

  /** Begins. */
  Founder(RedisDirectory directory, Supplier<EnclaveRuntime> runtime, Operations operations) {
    this.directory = directory;
    this.runtime = runtime;
    this.operations = operations;
    var unused = executor.scheduleWithFixedDelay(this::attempt, 0, PAUSE_MS, TimeUnit.MILLISECONDS);
  }

  private void attempt() {
    try {
      if (!claimed) {
        claimed = directory.claimFounding(runtime.get().peerIdHex());
        if (!claimed) {
          LOG.info("the founding of the group is claimed by another; this host joins");
          executor.shutdown();
          return;
        }
        LOG.info("this host has claimed the founding of the group");
      }
      var unused = operations.createGroup().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      LOG.info("the group is founded");
      executor.shutdown();
    } catch (IOException e) {
      complain("the claim to found the group could not be asked for: " + e.getMessage());
    } catch (ExecutionException | TimeoutException e) {
      // Asked again: an enclave that has a group by now says so, and nothing is founded twice.
      complain("the group is not founded yet: " + e.getMessage());
      if (String.valueOf(e.getMessage()).contains("GROUP_EXISTS")) {
        executor.shutdown();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void complain(String what) {
    if (lines.note() > 0) {
      LOG.warn("{}", what);
    }
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
