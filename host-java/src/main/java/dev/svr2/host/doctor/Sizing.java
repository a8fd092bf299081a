// SPDX-License-Identifier: Apache-2.0
//
// Do an image's heap, stacks and threads fit the machine, and does what the configuration promises
// fit
// the heap? All of this is decided before anything starts.
package dev.svr2.host.doctor;

import dev.svr2.enclave.Platform;
import dev.svr2.proto.EnclaveConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** Stateless. */
public final class Sizing {
  private static final long PAGE_BYTES = 4096;
  private static final long MIB = 1024 * 1024;

  /** As svr2.conf and docs/configuration.md say; measured by the benchmarks of the core. */
  private static final long ROW_BYTES = 120;

  private static final long SESSION_BYTES = 600;
  private static final long HANDSHAKE_BYTES = 1536;

  /** The core's own defaults (design.md §4), for what a configuration leaves out. */
  private static final long DEFAULT_MAX_ROWS = 1_000_000;

  private static final long DEFAULT_LOG_MAX_BYTES = 64 * MIB;
  private static final long DEFAULT_SESSIONS = 16_384;
  private static final long DEFAULT_HANDSHAKES = 1_024;

  private Sizing() {}

  /** Bytes of memory that an image with these properties takes. */
  public static long imageBytes(Map<String, Long> properties) {
    return heapBytes(properties)
        + properties.get("NumTCS") * properties.get("NumStackPages") * PAGE_BYTES;
  }

  private static long heapBytes(Map<String, Long> properties) {
    return properties.get("NumHeapPages") * PAGE_BYTES;
  }

  /** Against the machine. {@code replicas} of it are to run there. */
  static List<Finding> onMachine(
      Machine machine, Platform platform, Map<String, Long> properties, int replicas) {
    List<Finding> findings = new ArrayList<>();
    long needed = imageBytes(properties) * replicas;
    String size = mib(needed) + (replicas == 1 ? "" : " for " + replicas + " replicas");
    OptionalLong available = machine.availableMemory();
    if (available.isPresent() && needed > available.getAsLong()) {
      String found = size + ", of which " + mib(available.getAsLong()) + " are available";
      // Platform local takes pages when they are used; Open Enclave commits them at the start.
      findings.add(
          platform == Platform.LOCAL
              ? Finding.warning("memory", found, "lower NumHeapPages, or add memory")
              : Finding.missing("memory", found, "lower NumHeapPages, or add memory"));
    } else {
      findings.add(Finding.ok("memory", size));
    }
    OptionalLong protectedBytes = machine.protectedMemory();
    if (platform == Platform.SGX
        && protectedBytes.isPresent()
        && needed > protectedBytes.getAsLong()) {
      findings.add(
          Finding.warning(
              "protected memory",
              size + ", of which " + mib(protectedBytes.getAsLong()) + " fit in protected memory",
              "the rest is paged, slowly: give SGX more memory in the firmware, or lower NumHeapPages"));
    }
    long threads = properties.get("NumTCS");
    if (threads > 2L * machine.processors()) {
      findings.add(
          Finding.warning(
              "threads",
              "NumTCS is " + threads + " on " + machine.processors() + " processors",
              "more than twice the processors is waste: each costs its stack"));
    } else {
      findings.add(
          Finding.ok("threads", "NumTCS " + threads + ", processors " + machine.processors()));
    }
    return findings;
  }

  /** Whether the image has room for what a host's configuration promises. */
  public static List<Finding> forConfiguration(
      Map<String, Long> properties, EnclaveConfig enclave, int enclaveThreads) {
    List<Finding> findings = new ArrayList<>();
    long rows = orDefault(enclave.getMaxRows(), DEFAULT_MAX_ROWS);
    long log = orDefault(enclave.getLogMaxBytes(), DEFAULT_LOG_MAX_BYTES);
    long sessions = orDefault(enclave.getMaxClientSessions(), DEFAULT_SESSIONS);
    long handshakes = orDefault(enclave.getMaxPendingHandshakes(), DEFAULT_HANDSHAKES);
    long fixed = log + sessions * SESSION_BYTES + handshakes * HANDSHAKE_BYTES;
    long heap = heapBytes(properties);
    // A quarter on top, for what calls need and for what is lost between blocks.
    long needed = (fixed + rows * ROW_BYTES) / 4 * 5;
    if (needed <= heap) {
      findings.add(
          Finding.ok("heap", mib(heap) + " for " + rows + " rows, the log and the sessions"));
    } else {
      long fitting = Math.max(0, (heap / 5 * 4 - fixed) / ROW_BYTES);
      findings.add(
          Finding.warning(
              "heap",
              mib(heap) + ", but " + rows + " rows, the log and the sessions need " + mib(needed),
              "about "
                  + fitting
                  + " rows fit, then backups are refused: raise NumHeapPages, or lower enclave.max_rows"));
    }
    long threads = properties.get("NumTCS") - 1;
    if (enclaveThreads > threads) {
      findings.add(
          Finding.warning(
              "enclave threads",
              "runtime.enclave_threads is "
                  + enclaveThreads
                  + ", NumTCS leaves "
                  + threads
                  + " beside the ticks",
              "raise NumTCS, or lower runtime.enclave_threads; the rest is cut"));
    }
    return findings;
  }

  private static long orDefault(long value, long otherwise) {
    return value == 0 ? otherwise : value;
  }

  private static String mib(long bytes) {
    return (bytes + MIB - 1) / MIB + " MiB";
  }
}
